//! Facts by key: what the inventory and the perimeter definition say is looked up once per distinct key and joined to the rows.

use polars::prelude::*;

use super::rows::{Field, Rows};

const FACT: &str = "fact";

/// One fact per distinct key, and which of them each row has.
pub(crate) struct Facts<T> {
    facts: Vec<T>,
    of_row: IdxCa,
}

impl<T> Facts<T> {
    /// Makes a fact for each distinct combination of the values of `fields` (null is a value), then joins them to the rows.
    ///
    /// # Errors
    /// When polars cannot join.
    pub(crate) fn by<const N: usize>(
        rows: &Rows,
        fields: [Field; N],
        mut make: impl FnMut([Option<&str>; N]) -> T,
    ) -> PolarsResult<Facts<T>> {
        let names = fields.map(Field::name);
        let keyed = rows.frame.select(names)?;
        let keys = keyed.unique_stable(None, UniqueKeepStrategy::First, None)?;
        let mut columns = Vec::with_capacity(N);
        for name in names {
            columns.push(keys.column(name)?.str()?.rechunk().into_owned());
        }
        let facts = (0..keys.height())
            .map(|key| {
                let mut values = [None; N];
                for (value, column) in values.iter_mut().zip(&columns) {
                    *value = column.get(key).filter(|text| !text.is_empty());
                }
                make(values)
            })
            .collect();
        let numbered = keys.with_row_index(FACT.into(), None)?;
        let arguments = JoinArgs {
            nulls_equal: true,
            coalesce: JoinCoalesce::CoalesceColumns,
            maintain_order: MaintainOrderJoin::Left,
            ..JoinArgs::new(JoinType::Left)
        };
        let joined = keyed.join(&numbered, names, names, arguments, None)?;
        let of_row = joined.column(FACT)?.idx()?.rechunk().into_owned();
        Ok(Facts { facts, of_row })
    }

    /// The number of the fact of a row, for steps that remember their decision per fact.
    pub(crate) fn number(&self, row: usize) -> Option<IdxSize> {
        self.of_row.get(row)
    }

    pub(crate) fn get(&self, row: usize) -> Option<&T> {
        self.number(row).and_then(|number| self.facts.get(number as usize))
    }
}
