//! The region that served a call, as the model's name or the host says it.

/// The name of a region, `us` or `northamerica-northeast1`: kept beside a resolution, so without the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    bytes: [u8; 23],
    len: u8,
}

impl Region {
    /// The profile of all regions together, and Azure's and Vertex AI's word for the same.
    pub(super) const GLOBAL: &str = "global";

    /// Longer names than any cloud's longest are none.
    pub(super) fn new(name: &str) -> Option<Self> {
        let mut bytes = [0; 23];
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(Self { bytes, len: name.len() as u8 })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

/// The provider behind a host that says where a model is called, by id, and that region.
///
/// Bedrock: `bedrock-runtime.REGION.amazonaws.com`, with `-fips`, under a VPC endpoint's own name before it and `vpce`
/// behind it; its newer `bedrock-mantle.REGION.api.aws`. Vertex AI: `REGION-aiplatform.googleapis.com`,
/// `aiplatform.REGION.rep.googleapis.com` for `us` and `eu`; without a region, and for the Gemini API, the global endpoint.
/// OpenAI: `REGION.api.openai.com`, and `mtls-REGION`.
pub(super) fn behind(host: &str) -> Option<(&'static str, &str)> {
    let (name, domain) = host.split_once('.')?;
    match domain {
        "api.openai.com" => Some(("openai", name.strip_prefix("mtls-").unwrap_or(name))),
        "googleapis.com" if matches!(name, "aiplatform" | "generativelanguage") => {
            Some(("google", Region::GLOBAL))
        }
        "googleapis.com" => Some(("google", name.strip_suffix("-aiplatform")?)),
        _ if name == "aiplatform" => Some(("google", domain.strip_suffix(".rep.googleapis.com")?)),
        _ => {
            let mut labels = host.split('.');
            let bedrock =
                |label: &str| matches!(label, "bedrock-runtime" | "bedrock-runtime-fips" | "bedrock-mantle");
            labels.find(|label| bedrock(label))?;
            let region = labels.next()?;
            matches!(labels.next()?, "amazonaws" | "api" | "vpce").then_some(("aws", region))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::behind;

    #[test]
    fn hosts_say_regions() {
        for (host, said) in [
            ("bedrock-runtime.eu-west-1.amazonaws.com", Some(("aws", "eu-west-1"))),
            ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", Some(("aws", "us-gov-west-1"))),
            ("bedrock-runtime.cn-north-1.amazonaws.com.cn", Some(("aws", "cn-north-1"))),
            ("vpce-0a-1b.bedrock-runtime.us-east-1.vpce.amazonaws.com", Some(("aws", "us-east-1"))),
            ("bedrock-mantle.us-west-2.api.aws", Some(("aws", "us-west-2"))),
            ("us-central1-aiplatform.googleapis.com", Some(("google", "us-central1"))),
            ("aiplatform.eu.rep.googleapis.com", Some(("google", "eu"))),
            ("aiplatform.googleapis.com", Some(("google", "global"))),
            ("generativelanguage.googleapis.com", Some(("google", "global"))),
            ("eu.api.openai.com", Some(("openai", "eu"))),
            ("mtls-us.api.openai.com", Some(("openai", "us"))),
            ("api.openai.com", None),
            ("bedrock-runtime.acme.example", None),
            ("us-central1-run.googleapis.com", None),
            ("localhost", None),
            ("", None),
        ] {
            assert_eq!(behind(host), said, "{host}");
        }
    }
}
