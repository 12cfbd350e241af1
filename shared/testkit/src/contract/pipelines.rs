//! Pipelines of owners.

use filas_domain::ids::{Owner, PipelineRef};
use filas_domain::own_pipeline::{OwnPipeline, PipelineRegister};

use super::samples;

/// A register of pipelines, whole.
///
/// # Panics
/// Where it does not do what the port says.
pub async fn pipelines(register: &impl PipelineRegister) {
    the_present_version_reads_back(register).await;
    pipelines_are_their_owners(register).await;
    pipelines_are_listed_by_name(register).await;
}

fn own(name: &str, version: &str, description: Option<&str>) -> OwnPipeline {
    OwnPipeline {
        pipeline: PipelineRef { name: name.to_owned(), version: version.to_owned() },
        description: description.map(str::to_owned),
        changed: samples::NOW,
    }
}

async fn the_present_version_reads_back(register: &impl PipelineRegister) {
    let owner = samples::owner();
    assert_eq!(register.pipeline(&owner, "prices").await.unwrap(), None);
    // Again with the first: a name may go back to an earlier version.
    for (version, description) in [("1", Some("ñ \"quoted\"")), ("2", None), ("1", Some("back"))] {
        let put = own("prices", version, description);
        register.set_pipeline(&owner, &put).await.unwrap();
        assert_eq!(register.pipeline(&owner, "prices").await.unwrap(), Some(put));
    }
}

async fn pipelines_are_their_owners(register: &impl PipelineRegister) {
    let (one, other): (Owner, Owner) = (samples::owner(), samples::owner());
    register.set_pipeline(&one, &own("prices", "1", None)).await.unwrap();
    assert_eq!(register.pipeline(&other, "prices").await.unwrap(), None);
    assert_eq!(register.pipelines(&other, None, 9).await.unwrap(), []);
}

async fn pipelines_are_listed_by_name(register: &impl PipelineRegister) {
    let owner = samples::owner();
    let names = ["a", "a-b", "b", "orders", "z9"];
    for name in names.iter().rev() {
        register.set_pipeline(&owner, &own(name, "1", None)).await.unwrap();
    }
    for (after, limit, expected) in
        [(None, 9, &names[..]), (None, 2, &names[..2]), (Some("a-b"), 2, &names[2..4]), (Some("z9"), 9, &[])]
    {
        let listed = register.pipelines(&owner, after, limit).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|own| own.pipeline.name.as_str()).collect();
        assert_eq!(listed, expected, "after {after:?}, at most {limit}");
    }
}
