//! Three-valued logic after Kleene: what is not known stays not known until something certain decides.

/// True, false, or not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Truth {
    False,
    Unknown,
    True,
}

use Truth::{False, True, Unknown};

impl Truth {
    pub fn and(self, other: Truth) -> Truth {
        self.min(other)
    }

    pub fn or(self, other: Truth) -> Truth {
        self.max(other)
    }

    pub fn negated(self) -> Truth {
        match self {
            True => False,
            False => True,
            Unknown => Unknown,
        }
    }

    /// `self`, or its opposite.
    pub fn negated_if(self, negate: bool) -> Truth {
        if negate { self.negated() } else { self }
    }

    /// What is certain if both ways lead to the same answer.
    pub fn either(self, other: Truth) -> Truth {
        if self == other { self } else { Unknown }
    }

    /// `self`, or what another source says if it is not known.
    pub fn or_else(self, other: impl FnOnce() -> Truth) -> Truth {
        if self == Unknown { other() } else { self }
    }

    pub fn is_true(self) -> bool {
        self == True
    }

    pub fn is_false(self) -> bool {
        self == False
    }

    pub fn is_unknown(self) -> bool {
        self == Unknown
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Truth {
        if value { True } else { False }
    }
}

/// False as soon as one is false.
pub fn all(truths: impl IntoIterator<Item = Truth>) -> Truth {
    let mut result = True;
    for truth in truths {
        result = result.and(truth);
        if result.is_false() {
            break;
        }
    }
    result
}

/// True as soon as one is true.
pub fn any(truths: impl IntoIterator<Item = Truth>) -> Truth {
    let mut result = False;
    for truth in truths {
        result = result.or(truth);
        if result.is_true() {
            break;
        }
    }
    result
}
