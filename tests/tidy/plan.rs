//! The floor plan.

/// Which rooms a room may import. Every room in `src` has a line; lines of rooms that are not
/// built yet do no harm.
pub(crate) const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("text", &[]),
    ("rules", &["domain", "text"]),
    ("import", &["domain", "text", "rules"]),
    ("registry", &["domain", "rules"]),
    ("admission", &["domain"]),
    ("sessions", &["domain"]),
    ("routing", &["domain"]),
    ("messages", &["domain"]),
    ("cluster", &["domain"]),
    (
        "desk",
        &["domain", "rules", "registry", "admission", "sessions", "routing", "messages", "cluster"],
    ),
    ("config", &["domain", "text"]),
    ("kamailio", CORE),
    ("freeswitch", CORE),
    ("bucket", CORE),
    ("media", CORE),
    ("store", CORE),
    ("peers", CORE),
    ("notify", CORE),
    (
        "http",
        &[
            "domain",
            "text",
            "rules",
            "registry",
            "admission",
            "sessions",
            "routing",
            "messages",
            "cluster",
            "desk",
            "kamailio",
            "freeswitch",
        ],
    ),
    (
        "serve",
        &[
            "domain",
            "text",
            "rules",
            "registry",
            "admission",
            "sessions",
            "routing",
            "messages",
            "cluster",
            "desk",
            "config",
            "bucket",
            "kamailio",
            "freeswitch",
            "media",
            "store",
            "peers",
            "notify",
            "http",
        ],
    ),
    (
        "cli",
        &[
            "domain", "text", "rules", "import", "registry", "routing", "desk", "config", "http",
            "serve",
        ],
    ),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// The rooms below the glass door: no clock, no dice, no disk, no network, no waiting, no log.
pub(crate) const CORE: &[&str] = &[
    "domain",
    "text",
    "rules",
    "import",
    "registry",
    "admission",
    "sessions",
    "routing",
    "messages",
    "cluster",
    "desk",
];

/// What stands in none of them.
pub(crate) const NOT_IN_CORE: &[&str] = &[
    "Instant",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "RandomState",
    // Dice of `rand` fall as the seed that comes in with the input says; not these.
    "rand::rng",
    "rand::random",
    "make_rng",
    "ThreadRng",
    "SysRng",
    "OsRng",
    "getrandom",
    "std::env",
    "std::fs",
    "std::io",
    "std::process",
    "std::thread",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "ToSocketAddrs",
    "async",
    "await",
    "Mutex",
    "log",
    "tokio",
    "tracing",
    "println",
    "eprintln",
];

/// Where in `src` a package may be named. Every dependency has a line.
pub(crate) const PACKAGES: &[(&str, &[&str])] = &[
    ("anyhow", &["cli", "serve"]),
    ("axum", &["http"]),
    ("base64", &["http", "kamailio", "notify", "peers"]),
    // What goes through a stream, as quinn takes and gives it.
    ("bytes", &["bucket", "peers", "serve"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("comfy_table", &["cli"]),
    ("esl", &["freeswitch"]),
    ("foca", &["cluster"]),
    // How a FreeSWITCH asks.
    ("form_urlencoded", &["freeswitch"]),
    ("futures_util", &["bucket", "freeswitch"]),
    ("getrandom", &["cli", "serve"]),
    ("hashbrown", &["cluster", "domain", "sessions"]),
    ("http_body", &["http"]),
    ("hmac", &["notify"]),
    // The CLI shows times to people.
    ("jiff", &["cli", "domain"]),
    ("mimalloc", &["main"]),
    // What nodes say to each other.
    ("postcard", &["cluster", "peers", "serve", "store"]),
    // serve counts, http shows.
    ("prometheus_client", &["http", "serve"]),
    // The syntax of CPL.
    ("quick_xml", &["import"]),
    // How S3 is spoken.
    ("object_store", &["bucket"]),
    // The replicated log, and how it is written.
    ("openraft", &["peers"]),
    ("quinn", &["peers"]),
    // What foca throws its dice with, from a seed that is given.
    ("rand", &["cluster"]),
    ("rcgen", &["peers"]),
    // Three ends of three networks: the proxies' JSON-RPC, the CLI's own daemon, webhooks.
    ("reqwest", &["http/client", "http/tests", "kamailio", "notify"]),
    ("rusqlite", &["store"]),
    ("rustls", &["peers"]),
    // What std does not have: free space, waiting for a process with a deadline, its priority.
    ("rustix", &["media"]),
    ("sd_notify", &["serve"]),
    ("serde", ANYWHERE),
    ("serde_json", ANYWHERE),
    // What a file holds, who signed a link, and what is kept of a token.
    ("sha2", &["bucket", "http", "media", "notify", "peers"]),
    ("subtle", &["http", "peers"]),
    ("thiserror", ANYWHERE),
    (
        "tokio",
        &[
            "bucket",
            "cli",
            "freeswitch",
            "http",
            "kamailio",
            "media",
            "notify",
            "peers",
            "serve",
            "store",
        ],
    ),
    // Two languages of ours are written in it: settings and rules.
    ("toml", &["config", "rules"]),
    ("tracing", &["freeswitch", "http", "kamailio", "media", "notify", "peers", "serve", "store"]),
    ("tracing_subscriber", &["serve"]),
    ("webpki", &["peers"]),
];

const ANYWHERE: &[&str] = &[""];

pub(crate) const FILE_LINES_MAX: usize = 400;
/// Lines of code, as clippy counts them.
pub(crate) const FUNCTION_LINES_MAX: usize = 60;
