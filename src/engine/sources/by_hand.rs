//! Layouts that are set by hand, for tables whose names and properties do not tell how they are partitioned: keys with names of their
//! own, views, and catalogs that hide the properties of a table.

use std::fmt;

use super::column_type::ColumnType;
use super::layout::{self, DAY_FORMS, DayForm, Days, Layout, PartitionColumn, Shape};
use super::{Column, SourceError, Table};

/// How a table is laid out, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayoutName {
    /// As the table's own columns, partition keys and properties tell.
    Auto,
    AccountAndDay,
    Day,
    YearMonthDay,
    EventDataStore,
    SecurityLake,
    Unpartitioned,
}

impl LayoutName {
    pub const ALL: [LayoutName; 7] = [
        LayoutName::Auto,
        LayoutName::AccountAndDay,
        LayoutName::Day,
        LayoutName::YearMonthDay,
        LayoutName::EventDataStore,
        LayoutName::SecurityLake,
        LayoutName::Unpartitioned,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            LayoutName::Auto => "auto",
            LayoutName::AccountAndDay => "account_and_day",
            LayoutName::Day => "day",
            LayoutName::YearMonthDay => "year_month_day",
            LayoutName::EventDataStore => "event_data_store",
            LayoutName::SecurityLake => "security_lake",
            LayoutName::Unpartitioned => "unpartitioned",
        }
    }

    /// The options that say which column holds what.
    fn options(self) -> &'static [&'static str] {
        match self {
            LayoutName::Auto => &[],
            LayoutName::AccountAndDay => &["account", "day", "form", "injected"],
            LayoutName::Day => &["day", "form"],
            LayoutName::YearMonthDay => &["account", "year", "month", "day", "injected"],
            LayoutName::EventDataStore => &["time"],
            LayoutName::SecurityLake => &["account", "day", "form", "time"],
            LayoutName::Unpartitioned => &["account", "injected"],
        }
    }
}

/// Every layout with its options, for messages.
fn known() -> String {
    let one = |name: &LayoutName| match name.options() {
        [] => name.as_str().to_owned(),
        options => format!("{} ({})", name.as_str(), options.join(", ")),
    };
    LayoutName::ALL.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// A layout that somebody set: `[TABLE=]LAYOUT [OPTION=VALUE …]`, such as `trail=account_and_day account=acct day=dt form=yyyy-MM-dd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableLayout {
    /// The table that it is of; `None` is every table without a setting of its own.
    pub table: Option<String>,
    pub name: LayoutName,
    /// Option and value, in the order given.
    options: Vec<(String, String)>,
}

/// Why a text is no layout: what is wrong, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongLayout {
    pub message: String,
    pub help: String,
}

impl TableLayout {
    /// # Errors
    /// When the layout or an option is not known, with those that are.
    pub fn parse(text: &str) -> Result<TableLayout, WrongLayout> {
        let mut words = text.split_whitespace();
        let first = words.next().unwrap_or_default();
        let (table, name) = match first.rsplit_once('=') {
            Some((table, name)) => (Some(table), name),
            None => (None, first),
        };
        let expected = || format!("expected [TABLE=]LAYOUT [OPTION=VALUE …] with one of the layouts {}", known());
        let wrong = |message: String| WrongLayout { message, help: expected() };
        let plain = name.to_ascii_lowercase().replace('-', "_");
        let found = LayoutName::ALL.into_iter().find(|known| known.as_str() == plain);
        let name = found.ok_or_else(|| wrong(format!("`{name}` is not a layout of a table")))?;
        if table.is_some_and(str::is_empty) {
            return Err(wrong(format!("`{text}` names no table before `=`")));
        }
        let mut options: Vec<(String, String)> = Vec::new();
        for word in words {
            let (option, value) = word.split_once('=').unwrap_or((word, ""));
            if !name.options().contains(&option) {
                return Err(wrong(format!("the layout `{}` has no option `{option}`", name.as_str())));
            }
            if (option == "injected") != value.is_empty() {
                let form = if option == "injected" { "injected".to_owned() } else { format!("{option}=NAME") };
                return Err(wrong(format!("`{word}` of the layout `{}` is written `{form}`", name.as_str())));
            }
            if option == "form" && DayForm::written(value).is_none() {
                let forms: Vec<&str> = DAY_FORMS.iter().map(|(form, _)| *form).collect();
                let help = format!("expected one of {}", forms.join(", "));
                return Err(WrongLayout { message: format!("`{value}` is not a form of days that is known"), help });
            }
            if options.iter().any(|(known, _)| known == option) {
                return Err(wrong(format!("`{option}` stands twice in `{text}`")));
            }
            options.push((option.to_owned(), value.to_owned()));
        }
        Ok(TableLayout { table: table.map(str::to_owned), name, options })
    }

    fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Is it of this table? A table may be named with its database and its catalog.
    fn is_of(&self, table: &Table) -> bool {
        self.table.as_deref().is_some_and(|name| {
            let names = [table.name.clone(), format!("{}.{}", table.database, table.name), table.to_string()];
            names.iter().any(|known| known.eq_ignore_ascii_case(name))
        })
    }

    /// The table's layout as it was set; what was not said is looked for under the usual names.
    fn apply(&self, table: &Table) -> Result<Layout, SourceError> {
        if self.name == LayoutName::Auto {
            return Layout::detect(table);
        }
        let shape = layout::shape(table)?;
        if self.name == LayoutName::SecurityLake && shape != Shape::SecurityLake {
            return Err(SourceError::NotSecurityLake { table: table.to_string() });
        }
        let of = By { table, set: self };
        let account = match self.name {
            LayoutName::AccountAndDay => Some(of.needed("account", &layout::ACCOUNT_KEYS)?),
            LayoutName::Day | LayoutName::EventDataStore => None,
            _ => of.given("account")?.or_else(|| layout::account_column(table, shape).cloned()),
        };
        let days = match self.name {
            LayoutName::Auto | LayoutName::Unpartitioned => Days::None,
            LayoutName::AccountAndDay | LayoutName::Day => of.day()?,
            LayoutName::YearMonthDay => {
                let [year, month, day] = ["year", "month", "day"].map(|part| of.needed(part, &[part]));
                Days::Parts { year: year?, month: month?, day: day? }
            }
            LayoutName::EventDataStore => of.time()?,
            LayoutName::SecurityLake if self.option("day").is_some() => of.day()?,
            LayoutName::SecurityLake if self.option("time").is_some() => of.time()?,
            LayoutName::SecurityLake => Layout::detect(table)?.days,
        };
        let account = account.map(|column| PartitionColumn {
            injected: self.option("injected").is_some() || layout::is_injected(table, &column.name),
            name: column.name,
        });
        Ok(Layout { shape, account, days, has_paths: layout::has_paths(table, shape) })
    }
}

impl fmt::Display for TableLayout {
    /// As it is written in the settings.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(table) = &self.table {
            write!(formatter, "{table}=")?;
        }
        formatter.write_str(self.name.as_str())?;
        for (option, value) in &self.options {
            let equals = if value.is_empty() { "" } else { "=" };
            write!(formatter, " {option}{equals}{value}")?;
        }
        Ok(())
    }
}

/// A setting and the table that it is applied to.
struct By<'a> {
    table: &'a Table,
    set: &'a TableLayout,
}

impl By<'_> {
    fn columns(&self) -> impl Iterator<Item = &Column> {
        self.table.partition_keys.iter().chain(&self.table.columns)
    }

    fn has(&self) -> String {
        self.columns().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The column that an option names, if it is given. Any column will do: a view has no partition keys.
    fn given(&self, option: &'static str) -> Result<Option<Column>, SourceError> {
        let Some(name) = self.set.option(option) else { return Ok(None) };
        let found = self.columns().find(|column| column.name.eq_ignore_ascii_case(name));
        found.cloned().map(Some).ok_or_else(|| SourceError::NoColumn {
            table: self.table.to_string(),
            name: name.to_owned(),
            set: self.set.to_string(),
            columns: self.has(),
        })
    }

    /// The same, or the first that has a usual name; partition keys come before other columns.
    fn needed(&self, option: &'static str, usual: &[&str]) -> Result<Column, SourceError> {
        let find = |name: &&str| self.columns().find(|column| column.name.eq_ignore_ascii_case(name));
        self.given(option)?.or_else(|| usual.iter().find_map(find).cloned()).ok_or_else(|| SourceError::LayoutLacks {
            table: self.table.to_string(),
            layout: self.set.name.as_str(),
            option,
            columns: self.has(),
        })
    }

    fn day(&self) -> Result<Days, SourceError> {
        let key = self.needed("day", &layout::DAY_KEYS)?;
        let wrong = |expected| self.wrong_type(&key, expected);
        match (&key.data_type, self.set.option("form").and_then(DayForm::written)) {
            (ColumnType::Date, None) => Ok(Days::Key { name: key.name, form: DayForm::Dashes, is_date: true }),
            (ColumnType::Date, Some(_)) => Err(wrong("text; a column of the type date has no `form`")),
            (ColumnType::Text, Some(form)) => Ok(Days::Key { name: key.name, form, is_date: false }),
            (ColumnType::Text, None) => layout::day_key(self.table, &key),
            _ => Err(wrong("text or a date")),
        }
    }

    fn time(&self) -> Result<Days, SourceError> {
        let column = self.needed("time", &layout::TIMES)?;
        match column.data_type {
            ColumnType::Timestamp { zoned } => Ok(Days::Time { name: column.name, zoned }),
            _ => Err(self.wrong_type(&column, "a timestamp")),
        }
    }

    fn wrong_type(&self, column: &Column, expected: &'static str) -> SourceError {
        SourceError::ColumnType {
            table: self.table.to_string(),
            name: column.name.clone(),
            layout: self.set.name.as_str(),
            expected,
        }
    }
}

/// The layout of a table: the one that was set for it, else the one that was set for all, else the one that it looks to have.
///
/// # Errors
/// When the table has no such columns, or is none of CloudTrail.
pub fn layout_of(table: &Table, set: &[TableLayout]) -> Result<Layout, SourceError> {
    let own = set.iter().rev().find(|layout| layout.is_of(table));
    match own.or_else(|| set.iter().rev().find(|layout| layout.table.is_none())) {
        Some(layout) => layout.apply(table),
        None => Layout::detect(table),
    }
}

/// Every layout that names a table must name one that is read: a misspelt name would leave the table as it was.
///
/// # Errors
/// When one names another.
pub fn check_names(tables: &[&Table], set: &[TableLayout]) -> Result<(), SourceError> {
    for layout in set {
        if let Some(name) = &layout.table
            && !tables.iter().any(|table| layout.is_of(table))
        {
            let tables = tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(SourceError::LayoutOfNoTable { name: name.clone(), tables });
        }
    }
    Ok(())
}
