use crate::{options::Options, report::Report};
pub(crate) async fn run(_: &Options) -> anyhow::Result<Report> {
    anyhow::bail!("soon")
}
