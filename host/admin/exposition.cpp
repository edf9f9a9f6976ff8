#include "admin/exposition.hpp"

#include <charconv>
#include <cmath>

#include "admin/header_value.hpp"

namespace portico::admin {

namespace {

constexpr std::string_view total_suffix = "_total";

// Appends lines to one text: a scrape may have many thousand.
class Writer {
public:
    explicit Writer(Exposition format) : is_open_(format == Exposition::openmetrics) {}

    void add(const Metric& metric) {
        if (metric.series.empty()) {
            return;
        }
        add_head(metric);
        for (const Metric::Series& series : metric.series) {
            if (metric.kind == Metric::Kind::histogram) {
                add_histogram(metric.name, series);
            } else {
                add_sample(metric.name, {}, series.labels, {}, series.value);
            }
        }
    }

    [[nodiscard]] std::string take() {
        if (is_open_) {
            text_ += "# EOF\n";
        }
        return std::move(text_);
    }

private:
    // In OpenMetrics a counter's family has no "_total", only its samples have.
    void add_head(const Metric& metric) {
        std::string_view family = metric.name;
        if (is_open_ && metric.kind == Metric::Kind::counter && family.ends_with(total_suffix)) {
            family.remove_suffix(total_suffix.size());
        }
        text_.append("# HELP ").append(family) += ' ';
        add_escaped(metric.help, is_open_);
        text_.append("\n# TYPE ").append(family) += ' ';
        switch (metric.kind) {
            case Metric::Kind::counter: text_ += "counter\n"; break;
            case Metric::Kind::gauge: text_ += "gauge\n"; break;
            case Metric::Kind::histogram: text_ += "histogram\n"; break;
        }
    }

    void add_histogram(const std::string& name, const Metric::Series& series) {
        for (const Metric::Bucket& bucket : series.buckets) {
            add_sample(name, "_bucket", series.labels, bound_text(bucket.upper_bound),
                       static_cast<double>(bucket.count));
        }
        add_sample(name, "_sum", series.labels, {}, series.sum);
        add_sample(name, "_count", series.labels, {}, static_cast<double>(series.count));
    }

    // `bound`: the label "le"; empty: none.
    void add_sample(const std::string& name, std::string_view suffix,
                    const std::vector<Metric::Label>& labels, std::string_view bound,
                    double value) {
        text_.append(name).append(suffix);
        char separator = '{';
        const auto add_label = [&](std::string_view label, std::string_view text) {
            text_ += separator;
            text_.append(label).append("=\"");
            add_escaped(text, true);
            text_ += '"';
            separator = ',';
        };
        for (const Metric::Label& label : labels) {
            add_label(label.name, label.value);
        }
        if (!bound.empty()) {
            add_label("le", bound);
        }
        text_ += separator == ',' ? "} " : " ";
        add_number(value);
        text_ += '\n';
    }

    [[nodiscard]] std::string bound_text(double bound) const {
        if (std::isinf(bound)) {
            return "+Inf";
        }
        char digits[32];
        const auto end = std::to_chars(digits, digits + sizeof digits, bound).ptr;
        std::string text(digits, end);
        // OpenMetrics asks for the form that Python and Go print.
        if (is_open_ && text.find_first_of(".e") == std::string::npos) {
            text += ".0";
        }
        return text;
    }

    void add_number(double value) {
        if (std::isnan(value)) {
            text_ += "NaN";
        } else if (std::isinf(value)) {
            text_ += value > 0 ? "+Inf" : "-Inf";
        } else {
            char digits[32];
            const auto end = value == std::floor(value) && std::fabs(value) < 1e15
                                 ? std::to_chars(digits, digits + sizeof digits,
                                                 static_cast<long long>(value))
                                       .ptr
                                 : std::to_chars(digits, digits + sizeof digits, value).ptr;
            text_.append(digits, end);
        }
    }

    // A quote is escaped in labels, and in OpenMetrics in a help text too.
    void add_escaped(std::string_view text, bool with_quotes) {
        for (const char letter : text) {
            switch (letter) {
                case '\\': text_ += "\\\\"; break;
                case '\n': text_ += "\\n"; break;
                case '"': text_ += with_quotes ? "\\\"" : "\""; break;
                default: text_ += letter;
            }
        }
    }

    const bool is_open_;
    std::string text_;
};

}  // namespace

Exposition exposition_for(std::string_view accept) {
    const double open = quality_of(accept, "application", "openmetrics-text");
    const double plain = quality_of(accept, "text", "plain");
    return names_type(accept, "application", "openmetrics-text") && open > 0 && open >= plain
               ? Exposition::openmetrics
               : Exposition::prometheus;
}

std::string_view content_type(Exposition format) noexcept {
    return format == Exposition::openmetrics
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

std::string exposition(const std::vector<Metric>& metrics, Exposition format) {
    Writer writer(format);
    for (const Metric& metric : metrics) {
        writer.add(metric);
    }
    return writer.take();
}

}  // namespace portico::admin
