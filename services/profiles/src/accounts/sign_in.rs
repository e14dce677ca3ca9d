//! Signing in with a password, and with a second factor where one is set up.
//!
//! A try is counted before the password is compared and forgiven when it was right; so tries at the same moment gain nothing. Every
//! try costs the same reads and exactly one hash, whether the address is known or not and whether it is too early or not. Only
//! a network that tries too much is told so: that says nothing about any account.

use std::time::Duration;

use turnout_platform::{canonical::CanonicalEmail, failure::Failure};

use super::{
    Accounts,
    domain::{
        passwords::{Password, is_outdated},
        totp,
    },
    metrics::SignIn,
    residents::{Place, Resident},
    store::{Account, Outcome, Reserved, Scope},
};

/// A session that was opened.
pub(crate) struct SignedIn {
    pub secret: String,
    pub session_id: String,
    pub resident: Resident,
}

impl Accounts {
    /// Opens a session; none when the password is right and the code of the second factor is missing.
    pub(crate) async fn sign_in(
        &self,
        place: Place,
        email: CanonicalEmail,
        password: Password,
        code: &str,
        client: &str,
    ) -> Result<Option<SignedIn>, Failure> {
        let from = self.reserve_for_client(Scope::Client, client).await?;
        let key = self.post.tries_key(&place, &email);
        let reserved = self.store.reserve(Scope::Account, key, self.at_ms()).await?;
        let resident = self.resident_at(&place, &email).await?;
        let generation = resident.as_ref().map_or(0, Resident::generation);
        let hash = if reserved.is_ok() { resident.as_ref().and_then(Resident::password) } else { None };
        let fits = self.hashing.fits(&password, hash).await?;

        let Ok(reserved) = reserved else {
            self.metrics.signed_in(SignIn::TooEarly);
            return Err(Failure::Unauthenticated);
        };
        let (Some(mut resident), true) = (resident, fits) else {
            self.metrics.signed_in(SignIn::Refused);
            return Err(Failure::Unauthenticated);
        };
        if resident.has_second_factor() {
            if code.is_empty() {
                // Otherwise whoever knows the password could wipe out the failures of codes that they guess.
                self.forgive(from, reserved, Outcome::Harmless).await?;
                self.metrics.signed_in(SignIn::NeedsCode);
                return Ok(None);
            }
            let Some(account) = self.use_code(&resident, code).await? else {
                self.metrics.signed_in(SignIn::WrongCode);
                return Err(Failure::Unauthenticated);
            };
            resident.account = Some(account);
        }
        self.forgive(from, reserved, Outcome::Succeeded).await?;
        self.renew_hash(&mut resident, &password).await;
        let (secret, session_id) = self.open_session(&mut resident, generation).await?;
        self.metrics.signed_in(SignIn::Opened);
        Ok(Some(SignedIn { secret, session_id, resident }))
    }

    /// Uses up a code of the second factor, or a recovery code: the account after it, or none for a wrong one.
    pub(crate) async fn use_code(&self, resident: &Resident, code: &str) -> Result<Option<Account>, Failure> {
        let Some(account) = &resident.account else { return Ok(None) };
        let at_s = self.clock.at_s();
        let used = self
            .store
            .change_account(account.clone(), |account| {
                let secrets = &mut account.secrets;
                let Some(secret) = &secrets.totp else { return Err(Failure::Unauthenticated) };
                if let Some(step) = totp::step_of(secret, code, at_s, secrets.totp_step) {
                    secrets.totp_step = step;
                    return Ok(());
                }
                let hash = totp::recovery_hash(code);
                let at = secrets.recovery.iter().position(|kept| *kept == hash).ok_or(Failure::Unauthenticated)?;
                secrets.recovery.remove(at);
                Ok(())
            })
            .await;
        match used {
            Ok((account, ())) => Ok(Some(account)),
            Err(Failure::Unauthenticated) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Makes the hash anew while the password is at hand, if it was made at another cost. Not worth failing for.
    async fn renew_hash(&self, resident: &mut Resident, password: &Password) {
        let Some(old) = resident.password().filter(|hash| is_outdated(hash)).map(str::to_owned) else { return };
        let Some(account) = resident.account.clone() else { return };
        let Ok(new) = self.hashing.hash(password).await else { return };
        let changed = self.store.change_account(account, |account| {
            // Somebody may have set another password meanwhile.
            if account.secrets.password.as_ref() == Some(&old) {
                account.secrets.password = Some(new.clone());
            }
            Ok(())
        });
        match changed.await {
            Ok((account, ())) => resident.account = Some(account),
            Err(error) => tracing::warn!(%error, "a password's hash could not be made anew"),
        }
    }

    /// Counts a try of a network; a network that tries too much is told when to come back. None when nobody knows the network.
    pub(crate) async fn reserve_for_client(&self, scope: Scope, client: &str) -> Result<Option<Reserved>, Failure> {
        if client.is_empty() {
            return Ok(None);
        }
        let key = self.vault.blind(&self.nowhere, "client", client);
        self.store.reserve(scope, key, self.at_ms()).await?.map(Some).map_err(too_much)
    }

    async fn forgive(&self, from: Option<Reserved>, account: Reserved, outcome: Outcome) -> Result<(), Failure> {
        if let Some(from) = from {
            // A network is not forgiven its other failures: somebody could sign in to an account of their own in between.
            self.store.forgive(from, Outcome::Harmless).await?;
        }
        self.store.forgive(account, outcome).await
    }
}

/// Somebody is told how long to wait.
pub(crate) fn too_much(wait_ms: i64) -> Failure {
    Failure::Overloaded { retry_after: Duration::from_millis(wait_ms.max(0) as u64) }
}
