//! Whom a window is for: AWS's target forms (reference sections 6.5 and 9).

use serde::{Deserialize, Serialize};

/// One condition. Its values are alternatives; several targets must all hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// What is compared.
    pub key: TargetKey,
    /// OR-ed values; tags compare case-sensitively.
    pub values: Vec<String>,
}

/// The key forms that windows and their tasks take.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TargetKey {
    /// `InstanceIds`: node ids, up to 50; AWS's command line also writes it in lower case.
    InstanceIds,
    /// `tag:<key>`: the tag has one of the values.
    Tag(String),
    /// `tag-key`: the tag exists, whatever its value.
    TagKey,
    /// `resource-groups:Name`: one group.
    ResourceGroupName,
    /// `resource-groups:ResourceTypeFilters`: up to five types.
    ResourceTypeFilters,
    /// `WindowTargetIds`: the names of targets registered with the window. Tasks only.
    WindowTargetIds,
}

/// Not a key form that windows take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a target key: write InstanceIds, tag:<key>, tag-key, resource-groups:Name, \
     resource-groups:ResourceTypeFilters or, in a task, WindowTargetIds"
)]
pub struct TargetKeyError(pub String);

impl TargetKey {
    /// Longest key in characters (reference 9).
    pub const MAX_LENGTH: usize = 163;

    /// Reads the AWS form.
    ///
    /// # Errors
    /// A form that windows do not take, a tag key that is empty or has white space at an end, more than [`Self::MAX_LENGTH`] characters.
    pub fn parse(text: &str) -> Result<Self, TargetKeyError> {
        let refuse = || TargetKeyError(text.chars().take(60).collect());
        if text.chars().count() > Self::MAX_LENGTH {
            return Err(refuse());
        }
        Ok(match text {
            "InstanceIds" | "instanceids" => Self::InstanceIds,
            "tag-key" => Self::TagKey,
            "resource-groups:Name" => Self::ResourceGroupName,
            "resource-groups:ResourceTypeFilters" => Self::ResourceTypeFilters,
            "WindowTargetIds" => Self::WindowTargetIds,
            _ => match text.strip_prefix("tag:") {
                // AWS trims nothing, and a tag cannot begin with a blank there.
                Some(key) if !key.is_empty() && key.trim() == key => Self::Tag(key.to_owned()),
                _ => return Err(refuse()),
            },
        })
    }

    /// The most values that AWS takes with this key (reference 6.5, 9).
    #[must_use]
    pub fn max_values(&self) -> usize {
        match self {
            Self::ResourceGroupName => 1,
            Self::ResourceTypeFilters => 5,
            _ => 50,
        }
    }
}

impl std::fmt::Display for TargetKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::InstanceIds => "InstanceIds",
            Self::Tag(key) => return write!(f, "tag:{key}"),
            Self::TagKey => "tag-key",
            Self::ResourceGroupName => "resource-groups:Name",
            Self::ResourceTypeFilters => "resource-groups:ResourceTypeFilters",
            Self::WindowTargetIds => "WindowTargetIds",
        })
    }
}

impl TryFrom<String> for TargetKey {
    type Error = TargetKeyError;

    fn try_from(text: String) -> Result<Self, TargetKeyError> {
        Self::parse(&text)
    }
}

impl From<TargetKey> for String {
    fn from(key: TargetKey) -> Self {
        key.to_string()
    }
}

/// A target registered with a window. A task that names several of them works them one after another
/// (reference 6.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowTarget {
    /// How tasks name it under `WindowTargetIds`; AWS gives a GUID, documents give a name.
    pub name: String,
    /// Description for people.
    pub description: Option<String>,
    /// Echoed in events, 1-128 characters.
    pub owner_information: Option<String>,
    /// Up to five conditions; all must hold. Resolved when the window runs.
    pub targets: Vec<Target>,
}

/// How many conditions AWS takes in one list (reference 6.5, 6.6).
pub const MAX_TARGETS: usize = 5;

/// Rules that hold for every list of conditions.
pub(super) fn problems_of(targets: &[Target]) -> Vec<String> {
    let mut found = Vec::new();
    if targets.len() > MAX_TARGETS {
        found.push(format!("{} conditions are too many: at most {MAX_TARGETS}", targets.len()));
    }
    for Target { key, values } in targets {
        if values.is_empty() {
            found.push(format!("{key} has no values, so it matches nothing"));
        } else if values.len() > key.max_values() {
            found.push(format!("{key} has {} values: at most {}", values.len(), key.max_values()));
        }
    }
    found
}

impl WindowTarget {
    /// Rules of reference 6.5 for one registered target.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut found = problems_of(&self.targets);
        if self.targets.is_empty() {
            found.push("it has no conditions, so it matches nothing".to_owned());
        }
        if self.targets.iter().any(|target| target.key == TargetKey::WindowTargetIds) {
            found.push("WindowTargetIds belongs into tasks: name nodes, tags or groups".to_owned());
        }
        found
    }

    /// AWS's `ResourceType`, which follows from the keys: no document has to say it twice.
    #[must_use]
    pub fn resource_type(&self) -> ResourceType {
        let group =
            |t: &Target| matches!(t.key, TargetKey::ResourceGroupName | TargetKey::ResourceTypeFilters);
        if self.targets.iter().any(group) { ResourceType::ResourceGroup } else { ResourceType::Instance }
    }
}

/// Kind of a registered target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "each variant is the AWS value it names")]
pub enum ResourceType {
    Instance,
    ResourceGroup,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_form_of_the_reference_reads_and_writes() {
        for key in [
            "InstanceIds",
            "tag:Patch Group",
            "tag:a:b",
            "tag-key",
            "resource-groups:Name",
            "resource-groups:ResourceTypeFilters",
            "WindowTargetIds",
        ] {
            assert_eq!(TargetKey::parse(key).unwrap().to_string(), key);
        }
        assert_eq!(TargetKey::parse("instanceids").unwrap(), TargetKey::InstanceIds);
    }

    #[test]
    fn a_key_that_windows_do_not_take_is_refused_with_the_list() {
        let long = format!("tag:{}", "k".repeat(160));
        for bad in [
            "",
            "tag:",
            "tag: ",
            "tag: x",
            "tag:x ",
            "Tag:x",
            "tags",
            "ResourceGroup",
            "ParameterValues",
            long.as_str(),
        ] {
            let error = TargetKey::parse(bad).unwrap_err().to_string();
            assert!(error.contains("tag:<key>"), "{error}");
        }
    }
}
