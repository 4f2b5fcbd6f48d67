//! Finds the mistakes in templates before they are used.

use std::{collections::BTreeMap, fmt};

use minijinja::{Environment, Error, ErrorKind, Value, context};

use super::{
    MailTemplate, SmsTemplate,
    catalog::{DEFAULTS, LAYOUT_FILE},
    examples, text,
};

/// A mistake in a template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub struct TemplateProblem {
    /// The file's name.
    pub file: String,
    /// The line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub problem: String,
}

impl fmt::Display for TemplateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{} line {line}: {}", self.file, self.problem),
            None => write!(f, "{}: {}", self.file, self.problem),
        }
    }
}

/// Loads all templates into `environment` and returns what is wrong with them, by file and line.
pub(super) fn load(environment: &mut Environment<'static>, mut overrides: BTreeMap<String, String>) -> Vec<TemplateProblem> {
    let mut problems = Vec::new();
    for &(file, default) in DEFAULTS {
        let source = overrides.remove(file).unwrap_or_else(|| default.to_owned());
        if let Err(error) = environment.add_template_owned(file, source) {
            problems.push(from_engine(file, &error));
        }
    }
    problems.extend(overrides.into_keys().map(unknown_file));
    for (file, contexts) in files_with_examples() {
        // One that can't be read is reported already.
        if environment.get_template(&file).is_ok() {
            problems.extend(tried(environment, &file, &contexts));
        }
    }
    problems.sort();
    problems.dedup();
    problems
}

const BODY_MARK: &str = "<p>the body of a mail</p>";

fn files_with_examples() -> Vec<(String, Vec<Value>)> {
    let page = context! { subject => "Example", body => Value::from_safe_string(BODY_MARK.to_owned()) };
    let mut files = vec![(LAYOUT_FILE.to_owned(), vec![page])];
    for template in MailTemplate::ALL {
        for file in [template.subject_file(), template.text_file(), template.html_file()] {
            files.push((file, examples::of_mail(template)));
        }
    }
    files.extend(SmsTemplate::ALL.map(|template| (template.file(), examples::of_sms(template))));
    files
}

/// What filling in one template with its examples shows.
fn tried(environment: &Environment<'_>, file: &str, contexts: &[Value]) -> Vec<TemplateProblem> {
    let unknown = unknown_names(environment, file, contexts);
    if !unknown.is_empty() {
        return unknown;
    }
    let problem = |problem: &str| TemplateProblem { file: file.to_owned(), line: None, problem: problem.to_owned() };
    let render = |context: &Value| environment.get_template(file)?.render(context.clone());
    contexts
        .iter()
        .filter_map(|context| match render(context) {
            Err(error) => Some(from_engine(file, &error)),
            Ok(rendered) if text::one_line(&rendered).is_empty() => {
                Some(problem("it comes out empty; write some text, or remove the file to use the default"))
            }
            Ok(rendered) if file == LAYOUT_FILE && !rendered.contains(BODY_MARK) => {
                Some(problem("the mail's text is missing; write {{ body }} where it belongs"))
            }
            Ok(_) => None,
        })
        .collect()
}

/// The names that a template uses and no example has, branches that no example reaches included.
fn unknown_names(environment: &Environment<'_>, file: &str, contexts: &[Value]) -> Vec<TemplateProblem> {
    let Ok(template) = environment.get_template(file) else {
        return Vec::new();
    };
    let mut known: Vec<String> =
        contexts.iter().filter_map(|context| context.try_iter().ok()).flatten().map(|key| key.to_string()).collect();
    known.sort();
    known.dedup();
    let is_known = |name: &str| known.iter().any(|known| known == name) || environment.globals().any(|(global, _)| global == name);
    let mut unknown: Vec<_> = template.undeclared_variables(false).into_iter().filter(|name| !is_known(name)).collect();
    unknown.sort();
    unknown
        .into_iter()
        .map(|name| TemplateProblem {
            file: file.to_owned(),
            line: line_of(template.source(), &name),
            problem: format!("there is no {name} here; this template knows {}", known.join(", ")),
        })
        .collect()
}

fn line_of(source: &str, name: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let has_name = |line: &str| line.split(|c| !is_part(c)).any(|word| word == name);
    // Text outside of the braces may hold the same word.
    let in_braces = |line: &&str| line.contains("{{") || line.contains("{%");
    let lines = || source.lines().enumerate().filter(|(_, line)| has_name(line));
    lines().find(|(_, line)| in_braces(line)).or_else(|| lines().next()).map(|(index, _)| index + 1)
}

fn from_engine(file: &str, error: &Error) -> TemplateProblem {
    let detail = error.detail().map(str::to_owned);
    let problem = match (error.kind(), detail) {
        (ErrorKind::SyntaxError, Some(detail)) => format!("{detail}; check the braces and tags around it"),
        (_, Some(detail)) => detail,
        (kind, None) => kind.to_string(),
    };
    TemplateProblem { file: file.to_owned(), line: error.line(), problem }
}

fn unknown_file(file: String) -> TemplateProblem {
    if let Some(template) = MailTemplate::of_former_file(&file) {
        let name = template.name();
        let problem =
            format!("this mail is one with others now, {name}; bring what you changed into {name}.txt and its like, and remove this file");
        return TemplateProblem { file, line: None, problem };
    }
    let nearest = DEFAULTS.iter().map(|(name, _)| (likeness(name, &file), *name)).max();
    let hint = match nearest {
        Some((likeness, name)) if likeness * 2 >= file.len() => format!(" (did you mean {name}?)"),
        _ => String::new(),
    };
    TemplateProblem { problem: format!("no template has this name{hint}; rename or remove it"), line: None, file }
}

/// How many letters two names share at their start and end, less those that only one has.
fn likeness(a: &str, b: &str) -> usize {
    let start = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let end = a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b).count();
    (start + end).min(a.len().min(b.len())).saturating_sub(a.len().abs_diff(b.len()))
}
