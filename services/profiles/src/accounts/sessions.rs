//! Sessions: opening, checking, ending; and the password of who is signed in.
//!
//! A session belongs to one generation of its account. Ending all sessions raises the generation, in the same write that sets a
//! password; no session has to be found and removed for that, and none is overlooked. The one session that stays is moved to the
//! new generation afterwards; a crash in between ends it too.

use turnout_platform::{failure::Failure, random};

use super::{
    Accounts,
    domain::{
        fields::Realm,
        passwords::Password,
        secrets::{AccountId, SessionKey, session_secret},
    },
    residents::Resident,
    sign_in::too_much,
    store::{AUDIENCE_SESSION_S, Account, Outcome, Reserved, Scope, Session, TEAM_SESSION_S},
};

/// Whoever has no password proves who they are by a session that is no older.
const FRESH_MS: i64 = 30 * 60 * 1000;

/// A session that is open.
pub(crate) struct Open {
    pub key: SessionKey,
    pub session: Session,
    pub resident: Resident,
}

impl Open {
    /// The account, which is there if there is a session of it.
    pub fn account(&self) -> Result<Account, Failure> {
        self.resident.account.clone().ok_or(Failure::Unauthenticated)
    }
}

impl Accounts {
    /// Opens a session for somebody who has proven who they are; its secret and its id. `generation` is the account's at the moment of
    /// that proof: if all sessions were ended since, this one is over at once.
    pub(crate) async fn open_session(
        &self,
        resident: &mut Resident,
        generation: i64,
    ) -> Result<(String, String), Failure> {
        let at_ms = self.at_ms();
        let new = Account::new(resident.id.clone(), resident.realm, resident.tenant.clone(), at_ms);
        let known = match resident.account.take() {
            Some(account) if account.active_at_ms.is_some() => account,
            _ => {
                // Noted before: cut off in between, the next sign-in notes it again.
                if resident.realm == Realm::Audience {
                    self.persons.mark_account(&resident.tenant, resident.id.as_str()).await?;
                }
                let (account, ()) = self
                    .store
                    .change_account(new, |account| {
                        account.active_at_ms = account.active_at_ms.or(Some(at_ms));
                        Ok(())
                    })
                    .await?;
                account
            }
        };
        let life_s = match resident.realm {
            Realm::Team => TEAM_SESSION_S,
            Realm::Audience => AUDIENCE_SESSION_S,
        };
        let secret = session_secret(&resident.id, &random::token_256());
        let key = SessionKey::of(&secret).ok_or_else(|| Failure::internal("a session's secret cannot be read"))?;
        let session = Session {
            id: key.session_id.clone(),
            generation,
            opened_at_ms: at_ms,
            expires_at_ms: at_ms + i64::from(life_s) * 1000,
            version: 0,
        };
        if !self.store.put_session(&key, &session, 0).await? {
            return Err(Failure::internal("two sessions have the same random id"));
        }
        resident.account = Some(known);
        Ok((secret, key.session_id))
    }

    /// The open session of a secret. Whose person, membership or account is gone has none.
    pub(crate) async fn open(&self, secret: &str) -> Result<Open, Failure> {
        let key = SessionKey::of(secret).ok_or(Failure::Unauthenticated)?;
        let session = self.store.session(&key).await?.ok_or(Failure::Unauthenticated)?;
        let account = self.store.account(&key.account).await?.ok_or(Failure::Unauthenticated)?;
        if !session.is_open(account.generation, self.at_ms()) {
            return Err(Failure::Unauthenticated);
        }
        let resident = self.resident_of(account).await?.ok_or(Failure::Unauthenticated)?;
        Ok(Open { key, session, resident })
    }

    /// Ends a session, if it is one.
    pub(crate) async fn end_session(&self, secret: &str) -> Result<(), Failure> {
        match SessionKey::of(secret) {
            Some(key) => self.store.end_session(&key).await,
            None => Ok(()),
        }
    }

    /// The open sessions of whoever has this one, newest first, and whose they are.
    pub(crate) async fn sessions(&self, secret: &str) -> Result<(AccountId, Vec<Session>), Failure> {
        let open = self.open(secret).await?;
        Ok((open.key.account.clone(), self.open_sessions(&open).await?))
    }

    async fn open_sessions(&self, open: &Open) -> Result<Vec<Session>, Failure> {
        let (generation, at_ms) = (open.resident.generation(), self.at_ms());
        let mut sessions = self.store.sessions_of(&open.key.account).await?;
        sessions.retain(|session| session.is_open(generation, at_ms));
        sessions.sort_by(|a, b| b.opened_at_ms.cmp(&a.opened_at_ms).then_with(|| a.id.cmp(&b.id)));
        Ok(sessions)
    }

    /// Ends all sessions but this one; how many there were.
    pub(crate) async fn end_other_sessions(&self, secret: &str) -> Result<usize, Failure> {
        let open = self.open(secret).await?;
        let others = self.open_sessions(&open).await?.len().saturating_sub(1);
        self.note_own(&open.resident, "account.sessions_ended").await?;
        self.in_new_generation(&open, |_| Ok(())).await?;
        Ok(others)
    }

    /// Makes sure that who has the session is still who opened it: by the password, or where none is set by the age of the session.
    pub(crate) async fn prove_again(&self, open: &Open, field: &'static str, typed: &Password) -> Result<(), Failure> {
        let Some(hash) = open.resident.password().map(str::to_owned) else {
            if self.at_ms() - open.session.opened_at_ms < FRESH_MS {
                return Ok(());
            }
            return Err(Failure::Precondition("sign in again first: this session is too old for that".to_owned()));
        };
        let reserved = self.reserve_in_session(open).await?;
        if !self.hashing.fits(typed, Some(&hash)).await? {
            return Err(Failure::invalid(field, "is not the present password"));
        }
        self.store.forgive(reserved, Outcome::Succeeded).await
    }

    /// Who has a session and guesses passwords or codes waits longer and longer.
    pub(crate) async fn reserve_in_session(&self, open: &Open) -> Result<Reserved, Failure> {
        let key = self.vault.blind(&open.resident.tenant, "session-tries", open.key.account.as_str());
        self.store.reserve(Scope::Account, key, self.at_ms()).await?.map_err(too_much)
    }

    /// Changes the password, or sets the first.
    pub(crate) async fn change_password(&self, secret: &str, old: Password, new: Password) -> Result<(), Failure> {
        let open = self.open(secret).await?;
        self.prove_again(&open, "old_password", &old).await?;
        self.note_own(&open.resident, "account.password").await?;
        let (known, hash) = (open.account()?.secrets.password, self.hashing.hash(&new).await?);
        self.in_new_generation(&open, |account| {
            // Somebody else may have set one meanwhile, whom this session must not overrule.
            if account.secrets.password != known {
                return Err(Failure::Changed { what: "password" });
            }
            account.secrets.password = Some(hash.clone());
            Ok(())
        })
        .await
    }

    /// Changes the account and ends all its sessions but this one.
    async fn in_new_generation(
        &self,
        open: &Open,
        change: impl Fn(&mut Account) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let changed = self.store.change_account(open.account()?, |account| {
            // Whoever was faster has ended this session too.
            if account.generation != open.session.generation {
                return Err(Failure::Unauthenticated);
            }
            account.generation += 1;
            change(account)
        });
        let (account, ()) = changed.await?;
        let stays = Session { generation: account.generation, ..open.session.clone() };
        self.store.put_session(&open.key, &stays, open.session.version).await?;
        Ok(())
    }
}
