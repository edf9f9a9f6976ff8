//! Counters, gauges and histograms of a plugin. A metric is defined in `create`, and has series:
//! one for each combination of its labels' values.

use crate::handle::with_parts;
use crate::raw;
use crate::{Error, Status};

/// What `create` defines metrics with (`Setup::metrics`).
#[derive(Clone, Copy)]
pub struct Metrics {
    pub(crate) table: &'static raw::Metrics,
    pub(crate) instance: *mut raw::Instance,
}

/// What a metric is.
#[derive(Clone, Copy, Debug)]
pub enum MetricKind<'a> {
    /// Only grows; its name ends with "_total".
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values by size: the upper bounds of the buckets, ascending.
    Histogram(&'a [f64]),
}

/// A metric that has labels.
#[derive(Clone, Copy)]
pub struct Metric {
    metrics: Metrics,
    id: u64,
}

/// A metric with the values of its labels. Adding to it is cheap enough for every message.
#[derive(Clone, Copy)]
pub struct Series {
    metrics: Metrics,
    id: u64,
}

// SAFETY: the functions of the table that these types call are [any] (define, which is not, answers
// UNSUPPORTED elsewhere), and valid as long as the instance's handle: until the process ends.
unsafe impl Send for Metrics {}
// SAFETY: as above.
unsafe impl Sync for Metrics {}

impl Metrics {
    /// A metric without labels, and so with one series.
    pub fn series(&self, kind: MetricKind, name: &str, help: &str) -> Result<Series, Error> {
        Ok(self.metric(kind, name, help, &[], 0)?.series(&[])?)
    }

    /// A metric with these labels, and at most so many series (0 means 1,000). An error has the
    /// host's text, if `create` returns it.
    pub fn metric(
        &self,
        kind: MetricKind,
        name: &str,
        help: &str,
        labels: &[&str],
        series_max: u32,
    ) -> Result<Metric, Error> {
        let (kind, bounds) = match kind {
            MetricKind::Counter => (raw::METRIC_COUNTER, &[][..]),
            MetricKind::Gauge => (raw::METRIC_GAUGE, &[][..]),
            MetricKind::Histogram(bounds) => (raw::METRIC_HISTOGRAM, bounds),
        };
        let labels: Vec<&[u8]> = labels.iter().map(|label| label.as_bytes()).collect();
        let mut id = 0;
        with_parts(&labels, |labels, label_count, label_stride| {
            let definition = raw::MetricDefinition {
                struct_size: std::mem::size_of::<raw::MetricDefinition>() as u32,
                kind,
                name: name.as_ptr(),
                name_size: name.len() as u64,
                help: help.as_ptr(),
                help_size: help.len() as u64,
                labels: if label_count == 0 { std::ptr::null() } else { labels },
                bounds: if bounds.is_empty() { std::ptr::null() } else { bounds.as_ptr() },
                label_count,
                label_stride,
                bound_count: u32::try_from(bounds.len()).unwrap_or(u32::MAX),
                series_max,
            };
            // SAFETY: the definition and what it points to are valid during the call. (Of more
            // bounds than a u32 counts the host takes none.)
            Status::result(unsafe { (self.table.define)(self.instance, &definition, &mut id) })
        })?;
        Ok(Metric { metrics: *self, id })
    }
}

impl Metric {
    /// Finds or makes the series with these labels' values. It takes a lock: call it once, and keep
    /// the series.
    pub fn series(&self, values: &[&str]) -> Result<Series, Status> {
        let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
        let mut id = 0;
        with_parts(&values, |values, count, stride| {
            let values = if count == 0 { std::ptr::null() } else { values };
            let Metrics { table, instance } = self.metrics;
            // SAFETY: [any]. The values are valid during the call.
            Status::result(unsafe {
                (table.get_series)(instance, self.id, values, count, stride, &mut id)
            })
        })?;
        Ok(Series { metrics: self.metrics, id })
    }
}

impl Series {
    /// Adds to a counter or a gauge.
    #[inline]
    pub fn add(&self, amount: f64) -> Result<(), Status> {
        let Metrics { table, instance } = self.metrics;
        // SAFETY: [any].
        Status::result(unsafe { (table.add)(instance, self.id, amount) })
    }

    /// Sets a gauge.
    #[inline]
    pub fn set(&self, value: f64) -> Result<(), Status> {
        let Metrics { table, instance } = self.metrics;
        // SAFETY: [any].
        Status::result(unsafe { (table.set)(instance, self.id, value) })
    }

    /// Counts a value in a histogram.
    #[inline]
    pub fn record(&self, value: f64) -> Result<(), Status> {
        let Metrics { table, instance } = self.metrics;
        // SAFETY: [any].
        Status::result(unsafe { (table.record)(instance, self.id, value) })
    }
}
