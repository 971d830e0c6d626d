//! A large registry: laid into the database directly, then asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::daemon::{Home, now, question};

const DEVICES: u32 = 10_000;

/// `HALLPORTER_LARGE_ACCOUNTS` takes more than usual, up to a million (then with `--release`).
fn accounts() -> u32 {
    let wanted = std::env::var("HALLPORTER_LARGE_ACCOUNTS").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(200_000)
}

fn fill(home: &Home, accounts: u32) {
    let ledger = Connection::open(home.data().join("ledger.db")).unwrap();
    let sql = format!(
        "BEGIN;
         WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {accounts} - 1)
         INSERT INTO account SELECT i, printf('a%06d', i), 2, NULL, NULL,
             CASE WHEN i % 10 THEN i - i % 10 END, 'available', NULL, 1, NULL, NULL FROM n;
         INSERT INTO identifier SELECT key + 1, printf('+49301%07d', key), key FROM account;
         WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {DEVICES} - 1)
         INSERT INTO device (id, account, name, kind, target, stage, ring_s, enabled) SELECT i + 1, 7, printf('d%05d', i), 'uri', printf('sip:d%d@10.0.0.7', i),
             1 + i % 3, 15, 1 FROM n;
         UPDATE meta SET value = {accounts} WHERE key = 'keys_given';
         COMMIT"
    );
    ledger.execute_batch(&sql).unwrap();
}

#[test]
fn a_large_registry_answers() {
    let home = Home::new("large", "drain = \"0s\"");
    home.start().stop();
    let accounts = accounts();
    fill(&home, accounts);
    let begun = now();
    let mut daemon = home.start();
    println!("ready with {accounts} accounts after {:?}", begun.elapsed());
    let (mut admin, mut proxy) = (home.admin(), home.proxy());
    let timed = |what: &str, work: &mut dyn FnMut() -> Value| {
        let begun = now();
        let answer = work();
        println!("{what}: {:?}", begun.elapsed());
        answer
    };
    let status = admin.get("/v1/status");
    assert_eq!(
        (&status["accounts"], &status["numbers"], &status["devices"]),
        (&json!(accounts), &json!(accounts), &json!(DEVICES))
    );
    let page = timed("list, last page", &mut || {
        admin.get(&format!("/v1/accounts?limit=1000&after=a{:06}", accounts - 500))
    });
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next"]), (499, &Value::Null));
    let page = timed("list by prefix", &mut || admin.get("/v1/accounts?prefix=a1234"));
    assert_eq!(page["items"].as_array().unwrap().len(), 100);
    let parent = accounts - 10;
    let page =
        timed("list by parent", &mut || admin.get(&format!("/v1/accounts?parent=a{parent:06}")));
    assert_eq!(page["items"].as_array().unwrap().len(), 9);
    let account = timed("show", &mut || admin.get("/v1/accounts/a000007"));
    assert_eq!((&account["devices"], &account["parent"]), (&json!(DEVICES), &json!("a000000")));
    let page = timed("devices", &mut || admin.get("/v1/accounts/a000007/devices?limit=1000"));
    assert_eq!(page["items"].as_array().unwrap().len(), 1000);
    let answer =
        timed("route to 10,000 devices", &mut || proxy.route(&question("many@x", "+493010000007")));
    assert_eq!(answer["action"], "fork");
    let last = format!("+49301{:07}", accounts - 1);
    let answer = timed("route to one of many", &mut || proxy.route(&question("one@x", &last)));
    assert_eq!(answer["action"], "pass", "it has no device");
    let device = json!({"ring_s": 20});
    timed("change a device", &mut || {
        admin.done("PATCH", "/v1/accounts/a000007/devices/d09999", &device)
    });
    take_away(&home);
    assert_eq!(admin.get("/v1/status")["devices"], 0);
    daemon.stop();
}

/// Taking the account with the devices away must not keep calls waiting.
fn take_away(home: &Home) {
    let stop = Arc::new(AtomicBool::new(false));
    let (mut proxy, stopped) = (home.proxy(), Arc::clone(&stop));
    let calling = std::thread::spawn(move || {
        let mut longest = Duration::ZERO;
        for number in 0.. {
            if stopped.load(Ordering::Relaxed) {
                break;
            }
            let begun = now();
            proxy.route(&question(&format!("w{number}@x"), "+493010123456"));
            longest = longest.max(begun.elapsed());
        }
        longest
    });
    let begun = now();
    home.admin().done("DELETE", "/v1/accounts/a000007", &Value::Null);
    println!("remove an account with 10,000 devices: {:?}", begun.elapsed());
    stop.store(true, Ordering::Relaxed);
    println!("a call waited {:?} at most meanwhile", calling.join().unwrap());
}
