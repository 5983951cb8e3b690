//! Activity: the same answers from one scan, stored or not, local or not.

mod answers;
