//! Exceptions in time: until when one applies.

use jiff::civil::Date;

use super::model::{Exception, ExceptionScope};

impl Exception {
    /// Does it no longer apply on `today`? The day of `expires` is the last on which it applies.
    pub fn is_expired(&self, today: Date) -> bool {
        self.expires.is_some_and(|last_day| last_day < today)
    }

    /// Days until the last one on which it applies, 0 on that day; `None` when it never expires or has expired.
    pub fn days_left(&self, today: Date) -> Option<i32> {
        let last_day = self.expires.filter(|last_day| *last_day >= today)?;
        Some(today.until(last_day).map_or(0, |span| span.get_days()))
    }
}

/// Exceptions that apply on `today`, in order.
pub fn applied(exceptions: &[Exception], today: Date) -> impl Iterator<Item = &Exception> {
    exceptions.iter().filter(move |exception| !exception.is_expired(today))
}

/// Exceptions that no longer apply on `today`, in order.
pub fn expired(exceptions: &[Exception], today: Date) -> impl Iterator<Item = &Exception> {
    exceptions.iter().filter(move |exception| exception.is_expired(today))
}

impl ExceptionScope {
    /// Does the scope ask for nothing at all, and so would cover every finding?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
