#include "plugin/instance.hpp"

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

#include "plugin/call_scope.hpp"
#include "plugin/metric_rules.hpp"

namespace portico::plugin {

namespace {

constexpr std::size_t error_capacity = 1'024;

// The instance whose create or validate runs on this thread. Only that instance, and only on this
// thread, may read its settings.
constinit thread_local const Instance* in_control = nullptr;

class ControlScope {
public:
    explicit ControlScope(const Instance& instance) noexcept
        : outer_(std::exchange(in_control, &instance)) {}
    ~ControlScope() { in_control = outer_; }
    ControlScope(const ControlScope&) = delete;
    ControlScope& operator=(const ControlScope&) = delete;

private:
    const Instance* const outer_;
};

std::string error_text(const std::vector<char>& buffer) {
    return std::string(
        buffer.data(),
        static_cast<std::size_t>(std::find(buffer.begin(), buffer.end(), '\0') - buffer.begin()));
}

}  // namespace

Instance::Instance(Loaded plugin, const config::Listener& listener, base::Log& log)
    : loaded_(std::move(plugin)),
      handle_(InstanceHandle::make()),
      listener_(listener),
      log_(log),
      executor_(listener.executor_threads, listener.executor_queue) {
    std::memcpy(&table_, loaded_.table,
                std::min<std::size_t>(sizeof table_, loaded_.table->struct_size));
    std::memcpy(&callbacks_, table_.callbacks,
                std::min<std::size_t>(sizeof callbacks_, table_.callbacks->struct_size));
    stop_mail_.instance = this;
}

Instance::~Instance() {
    if (const std::uint64_t unlogged = failures_unlogged_.load(std::memory_order_relaxed);
        unlogged != 0) {
        log_.compose(base::LogLevel::warn, listener_.name, 0, [&] {
            return std::to_string(unlogged) +
                   " more failures of callbacks since the last such line";
        });
    }
    if (created_) {
        PORTICO_ASSERT(posts_.load(std::memory_order_acquire) == finishing);
        const OffWorkerCall call("destroy", *this, 0);
        table_.destroy(self_);
    }
    executor_.stop();
    close_handle();
    delete metrics_.load(std::memory_order_relaxed);
}

// A thread of the plugin that goes on all the same finds nothing any more.
void Instance::close_handle() noexcept {
    handle_.close([] { std::this_thread::yield(); });
}

void Instance::use_metrics(Metrics& store) {
    counts_.use(store, listener_.name, plugin_name());
    metrics_store_ = &store;
}

std::string Instance::description() const {
    std::string text = plugin_name();
    if (table_.version_size != 0) {
        text += " " + std::string(table_.version, table_.version_size);
    }
    return text + " (" + loaded_.path + (is_serial() ? ", serial" : "") +
           (is_blocking() ? ", blocking" : "") + ")";
}

// ---- [control]

std::vector<std::string> Instance::mistakes_of(const char* what, portico_status status,
                                               const std::string& error) {
    const std::string place = (listener_.settings.file.empty()
                                   ? ""
                                   : listener_.settings.file +
                                         (listener_.line != 0 ? ":" + std::to_string(listener_.line)
                                                              : "") +
                                         ": ") +
                              "listener \"" + listener_.name + "\", plugin \"" + listener_.plugin +
                              "\": ";
    std::vector<std::string> mistakes = settings_->failures();
    if (status >= 0) {
        std::vector<std::string> unread = settings_->unread();
        mistakes.insert(mistakes.end(), unread.begin(), unread.end());
    } else if (!error.empty()) {
        mistakes.push_back(place + error);
    } else if (mistakes.empty()) {
        mistakes.push_back(status == PORTICO_NO_MEMORY   ? place + "out of memory"
                           : !settings_->error().empty() ? settings_->error()
                           : !metric_mistake_.empty()
                               ? place + metric_mistake_
                               : place + what + " failed with status " + std::to_string(status) +
                                     " and no explanation");
    }
    return mistakes;
}

portico_setup Instance::make_setup(std::uint32_t mode, std::uint32_t worker_count,
                                   std::vector<char>& error) noexcept {
    const config::Limits& limits = listener_.limits;
    const bool is_framed = listener_.framing.type != config::Framing::Type::none;
    handle_.open(*this);
    portico_setup setup{};
    setup.struct_size = sizeof setup;
    setup.mode = mode;
    setup.host = &host_table();
    setup.instance = handle();
    setup.plugin = loaded_.table;
    setup.settings = listener_.settings.json.data();
    setup.settings_size = listener_.settings.json.size();
    setup.listener_name = listener_.name.data();
    setup.listener_name_size = listener_.name.size();
    setup.error = error.data();
    setup.error_capacity = error.size();
    setup.worker_count = worker_count;
    setup.framing = framing_number(listener_.framing);
    setup.max_send_bytes = limits.max_send_bytes;
    setup.send_high_bytes = limits.send_queue_bytes;
    setup.send_low_bytes = net::low_watermark(limits);
    setup.max_message_bytes = is_framed ? listener_.framing.max_bytes : limits.unconsumed_bytes;
    return setup;
}

std::vector<std::string> Instance::validate(std::uint32_t worker_count) {
    if (table_.validate == nullptr) {
        return {};
    }
    settings_ = std::make_unique<SettingsReader>(listener_.settings);
    std::vector<char> error(error_capacity, '\0');
    const portico_setup setup = make_setup(PORTICO_SETUP_VALIDATE, worker_count, error);
    const ControlScope scope(*this);
    const portico_status status = [&] {
        const OffWorkerCall call("validate", *this, 0);
        return table_.validate(&setup);
    }();
    std::vector<std::string> mistakes = mistakes_of("validate", status, error_text(error));
    settings_.reset();
    close_handle();
    return mistakes;
}

std::vector<std::string> Instance::create(net::ConnectionTable& table,
                                          const net::ConnectionContext& context,
                                          net::WorkerGroup& home, std::uint32_t worker_count) {
    PORTICO_ASSERT(!created_);
    connections_ = &table;
    context_ = &context;
    strand_.set_home(home);
    timers_.open(context);
    settings_ = std::make_unique<SettingsReader>(listener_.settings);
    std::vector<char> error(error_capacity, '\0');
    const portico_setup setup = make_setup(PORTICO_SETUP_CREATE, worker_count, error);
    const ControlScope scope(*this);
    const portico_status status = [&] {
        const OffWorkerCall call("create", *this, 0);
        return table_.create(&setup, &self_);
    }();
    created_ = status >= 0;
    if (created_) {
        executor_.open();
        resolver_.open();
    } else {
        // Functions that it posted before it failed still run, with CLOSING, and so do its timers.
        // It has freed what it stored as self.
        self_ = nullptr;
        begin_finish();
    }
    std::vector<std::string> mistakes = mistakes_of("create", status, error_text(error));
    if (created_ && !metric_mistake_.empty()) {
        log_.write(base::LogLevel::warn, listener_.name, 0, metric_mistake_);
    }
    settings_.reset();
    return mistakes;
}

portico_status Instance::define_metric(const portico_metric_definition& definition,
                                       portico_metric& metric) {
    // settings_now() and not validate's.
    if (settings_now() == nullptr || context_ == nullptr || metrics_store_ == nullptr) {
        return PORTICO_UNSUPPORTED;
    }
    base::Result<MetricDefinition> read = read_definition(definition);
    if (!read) {
        metric_mistake_ = read.error();
        return PORTICO_INVALID;
    }
    const std::string_view plugin(table_.name, table_.name_size);
    read->name = exported_name(plugin, read->name);
    InstanceMetrics* metrics = metrics_.load(std::memory_order_relaxed);
    if (metrics == nullptr) {
        metrics = new InstanceMetrics(*metrics_store_, listener_.name, std::string(plugin));
        metrics_.store(metrics, std::memory_order_release);
    }
    const std::uint32_t series_max = definition.series_max != 0 ? definition.series_max
                                                                : series_max_default;
    base::Result<std::uint64_t> number = metrics->define(std::move(*read), series_max);
    if (!number) {
        metric_mistake_ = number.error();
        return PORTICO_INVALID;
    }
    if (*number == 0) {
        metric_mistake_ = "more than " + std::to_string(InstanceMetrics::metrics_max) + " metrics";
        return PORTICO_LIMIT;
    }
    metric = *number;
    return PORTICO_OK;
}

OutboundCallbacks* Instance::outbound_callbacks(const portico_callbacks& given) {
    const std::scoped_lock lock(outbound_mutex_);
    for (const std::unique_ptr<OutboundCallbacks>& known : outbound_) {
        if (known->are(given)) {
            return known.get();
        }
    }
    if (outbound_.size() == outbound_callbacks_max) {
        return nullptr;
    }
    outbound_.push_back(std::make_unique<OutboundCallbacks>(*this, given));
    return outbound_.back().get();
}

void Instance::begin_finish() noexcept {
    if (is_finishing()) {
        return;
    }
    if (context_ == nullptr) {  // create was never called
        posts_.fetch_or(finishing, std::memory_order_acq_rel);
        return;
    }
    // It may exceed the limit of the posts by one.
    posts_.fetch_add(finishing + 1, std::memory_order_acq_rel);
    timers_.close();
    resolver_.end();
}

void Instance::finish() {
    begin_finish();
    {
        std::unique_lock lock(finish_mutex_);
        finish_changed_.wait(lock, [&] { return has_finished(); });
    }
    end_finish();
}

bool Instance::finish_within(std::chrono::milliseconds at_most) {
    begin_finish();
    {
        std::unique_lock lock(finish_mutex_);
        if (!finish_changed_.wait_for(lock, at_most, [&] { return has_finished(); })) {
            return false;
        }
    }
    end_finish();
    return true;
}

void Instance::end_finish() noexcept {
    executor_.stop();  // nothing is left for it, and nothing can come
    resolver_.stop();
    if (!created_) {
        close_handle();  // no destroy follows
    }
}

bool Instance::start_executor() noexcept {
    std::string mistake;
    const bool is_started = executor_.start(mistake);
    if (!mistake.empty()) {
        log_.write(is_started ? base::LogLevel::warn : base::LogLevel::error, listener_.name, 0,
                   mistake);
    }
    return is_started;
}

SettingsReader* Instance::settings_now() noexcept {
    return in_control == this ? settings_.get() : nullptr;
}

}  // namespace portico::plugin
