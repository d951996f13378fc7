//! A clock under the test's control: wall clock, uptime and boot, each by itself.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use callgate_state::Clock;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug)]
pub(crate) struct Manual(Mutex<Now>);

#[derive(Clone, Copy, Debug)]
struct Now {
    wall: SystemTime,
    uptime: Duration,
    boot: u32,
}

impl Manual {
    pub(crate) fn new() -> Arc<Self> {
        let now = Now { wall: SystemTime::now(), uptime: Duration::from_secs(3600), boot: 1 };
        Arc::new(Self(Mutex::new(now)))
    }

    /// Lets time pass, on both clocks.
    pub(crate) fn pass(&self, time: Duration) {
        let mut now = self.0.lock().unwrap();
        now.wall += time;
        now.uptime += time;
    }

    pub(crate) fn jump_forward(&self, time: Duration) {
        self.0.lock().unwrap().wall += time;
    }

    pub(crate) fn jump_back(&self, time: Duration) {
        self.0.lock().unwrap().wall -= time;
    }

    pub(crate) fn reboot(&self) {
        let mut now = self.0.lock().unwrap();
        now.uptime = Duration::from_secs(1);
        now.boot += 1;
    }
}

impl Clock for Manual {
    fn wall(&self) -> SystemTime {
        self.0.lock().unwrap().wall
    }

    fn uptime(&self) -> Duration {
        self.0.lock().unwrap().uptime
    }

    fn boot(&self) -> String {
        self.0.lock().unwrap().boot.to_string()
    }
}
