//! Processor time of the process that measures.

/// Seconds so far, of all threads and of the kernel for them, in steps of 10 ms.
pub(crate) fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this is Linux");
    // The name in brackets may hold anything.
    let behind = stat.rsplit(')').next().expect("a name in brackets");
    let ticks = |at: usize| behind.split_whitespace().nth(at).and_then(|t| t.parse::<f64>().ok());
    (ticks(11).expect("user time") + ticks(12).expect("system time")) / 100.0
}
