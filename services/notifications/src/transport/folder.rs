//! Mail as files: what an installation without a mail server does, so that a first start shows every mail. One file a mail, named by
//! its id: the same mail again is the same file.

use std::{io, path::PathBuf};

use super::{Answer, Letter, MailTransport, Outcome};

/// Mails into a folder.
#[derive(Debug, Clone)]
pub struct FolderTransport {
    folder: PathBuf,
}

impl FolderTransport {
    /// Into this folder, which is created with the first mail.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    async fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        tokio::fs::create_dir_all(&self.folder).await?;
        let (half, whole) = (self.folder.join(format!(".{name}.half")), self.folder.join(name));
        tokio::fs::write(&half, bytes).await?;
        tokio::fs::rename(&half, &whole).await
    }
}

#[tonic::async_trait]
impl MailTransport for FolderTransport {
    async fn hand_over(&self, letter: &Letter) -> Answer {
        let Ok((_, bytes)) = letter.to_wire() else {
            return Answer::new(Outcome::Refused, "the address cannot be written into a mail");
        };
        let id = letter.message_id.split('@').next().unwrap_or_default();
        let name = format!("{id}.eml");
        match self.write(&name, &bytes).await {
            Ok(()) => Answer::new(Outcome::Accepted, format!("written to {name}")),
            Err(error) => Answer::new(Outcome::NotReached, format!("the folder for mail: {}", error.kind())),
        }
    }

    fn name(&self) -> &'static str {
        "folder"
    }
}

#[cfg(test)]
mod tests {
    use super::{super::letter::tests::letter, *};

    #[tokio::test]
    async fn a_mail_that_is_handed_over_twice_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let transport = FolderTransport::new(folder.path().join("mail"));
        for _ in 0..2 {
            assert_eq!(transport.hand_over(&letter()).await.outcome, Outcome::Accepted);
        }
        let files: Vec<_> = std::fs::read_dir(folder.path().join("mail")).unwrap().collect();
        assert_eq!(files.len(), 1);
    }
}
