//! Setting up and removing the second factor. How a code is checked is `domain::totp`; that it works once, `sign_in`.

use turnout_platform::{failure::Failure, random};

use super::{
    Accounts,
    domain::{
        passwords::Password,
        totp::{self, RECOVERY_BYTES, RECOVERY_CODES, SECRET_BYTES},
    },
    store::{Account, Outcome, Reserved},
};

/// What an authenticator app needs.
pub(crate) struct Begun {
    /// In base32.
    pub secret: String,
    pub otpauth_url: String,
}

impl Accounts {
    /// Begins setting it up. It is asked for only once it is confirmed. With a stolen session alone nobody locks its owner out.
    pub(crate) async fn begin_second_factor(&self, session: &str, password: &Password) -> Result<Begun, Failure> {
        let open = self.open(session).await?;
        self.prove_again(&open, "password", password).await?;
        let secret = random::bytes::<SECRET_BYTES>();
        let changed = self.store.change_account(open.account()?, |account| {
            if account.secrets.totp.is_some() {
                return Err(Failure::Precondition("the second factor is set up; remove it first".to_owned()));
            }
            account.secrets.totp_begun = Some(secret.to_vec());
            Ok(())
        });
        changed.await?;
        let otpauth_url = totp::otpauth_url(&secret, &open.resident.email);
        Ok(Begun { secret: totp::base32(&secret), otpauth_url })
    }

    /// Completes it with a first code; the recovery codes.
    pub(crate) async fn confirm_second_factor(&self, session: &str, code: &str) -> Result<Vec<String>, Failure> {
        let open = self.open(session).await?;
        let reserved = self.reserve_in_session(&open).await?;
        let codes: Vec<String> =
            (0..RECOVERY_CODES).map(|_| totp::recovery_code(random::bytes::<RECOVERY_BYTES>())).collect();
        let at_s = self.clock.at_s();
        let confirm = |account: &mut Account| {
            let secrets = &mut account.secrets;
            let Some(begun) = &secrets.totp_begun else {
                return Err(Failure::Precondition("begin setting up the second factor first".to_owned()));
            };
            secrets.totp_step = totp::step_of(begun, code, at_s, 0).ok_or_else(wrong_code)?;
            secrets.totp = secrets.totp_begun.take();
            secrets.recovery = codes.iter().map(|code| totp::recovery_hash(code)).collect();
            Ok(())
        };
        confirm(&mut open.account()?)?;
        self.note_own(&open.resident, "account.second_factor_on").await?;
        self.store.change_account(open.account()?, confirm).await?;
        self.forgive_if_possible(reserved).await;
        Ok(codes)
    }

    /// Removes it, for who has a present code or a recovery code.
    pub(crate) async fn remove_second_factor(&self, session: &str, code: &str) -> Result<(), Failure> {
        let open = self.open(session).await?;
        if !open.resident.has_second_factor() {
            return Err(Failure::Precondition("the second factor is not set up".to_owned()));
        }
        let reserved = self.reserve_in_session(&open).await?;
        let account = self.use_code(&open.resident, code).await?.ok_or_else(wrong_code)?;
        self.note_own(&open.resident, "account.second_factor_off").await?;
        let changed = self.store.change_account(account, |account| {
            account.secrets.totp = None;
            account.secrets.recovery.clear();
            Ok(())
        });
        changed.await?;
        self.forgive_if_possible(reserved).await;
        Ok(())
    }

    /// What was asked for is done, and the recovery codes are shown only now: tries that stay counted must not hide that.
    async fn forgive_if_possible(&self, reserved: Reserved) {
        if let Err(failure) = self.store.forgive(reserved, Outcome::Succeeded).await {
            tracing::warn!(%failure, "the tries before a right code stay counted");
        }
    }
}

fn wrong_code() -> Failure {
    Failure::invalid("code", "is wrong, too old, or was used before")
}
