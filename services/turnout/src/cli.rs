//! The command line: subcommands, and one flag for each setting, made from the list of settings.

use std::{ffi::OsString, fs, path::PathBuf};

use anyhow::Context as _;
use clap::{Arg, ArgMatches, Command as Clap, value_parser};
use turnout_platform::{
    config::{Config, Layers, Resolved, SETTINGS},
    ids::{EventId, RoomId, TenantId},
};

use turnout_registration::DEMO_TENANT;

use crate::{Role, dead_letters::Wanted, tools::WantedTickets};

/// Tickets of one call.
const TICKETS_MAX: i64 = 1_000_000;
/// Life of a ticket, in seconds.
const TICKET_TTL_S_MAX: u64 = 24 * 3600;

/// What to do.
#[derive(Debug)]
pub(crate) enum Command {
    Run(Role),
    ShowConfig,
    MeshKey,
    Ticket(WantedTickets),
    SignInLink(TenantId),
    Recount(EventId),
    DeadLetters(Wanted),
}

/// A parsed command line with its configuration.
#[derive(Debug)]
pub(crate) struct Line {
    pub command: Command,
    pub config: Config,
    pub resolved: Resolved,
}

/// Parses; none when the answer was `--help` or `--version`, which has been printed.
pub(crate) fn parse(
    args: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> anyhow::Result<Option<Line>> {
    let matches = match app().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => match error.kind() {
            clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion => {
                // A reader that has left (`--help | head`) is no error worth words.
                let _ = error.print();
                return Ok(None);
            }
            _ => error.exit(),
        },
    };
    let variables: Vec<(String, String)> =
        variables.into_iter().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
    let resolved = resolve(&matches, &variables)?;
    let config = Config::from_resolved(&resolved)?;
    let command = match matches.subcommand() {
        None => Command::Run(Role::AllInOne),
        Some(("gateway", _)) => Command::Run(Role::Gateway),
        Some(("presence", _)) => Command::Run(Role::Presence),
        Some(("registration", _)) => Command::Run(Role::Registration),
        Some(("profiles", _)) => Command::Run(Role::Profiles),
        Some(("notifications", _)) => Command::Run(Role::Notifications),
        Some(("config", _)) => Command::ShowConfig,
        Some(("mesh-key", _)) => Command::MeshKey,
        Some(("sign-in-link", wanted)) => {
            Command::SignInLink(wanted.get_one::<TenantId>("tenant").expect("has a default").clone())
        }
        Some(("recount", wanted)) => Command::Recount(wanted.get_one::<EventId>("event").expect("required").clone()),
        Some(("dead-letters", wanted)) => Command::DeadLetters(match wanted.subcommand_name() {
            Some("replay") => Wanted::Replay,
            _ => Wanted::List,
        }),
        Some(("ticket", wanted)) => Command::Ticket(WantedTickets {
            event: wanted.get_one::<EventId>("event").expect("required").clone(),
            room: wanted.get_one::<RoomId>("room").cloned(),
            count: *wanted.get_one::<u32>("count").expect("has a default"),
            ttl_s: *wanted.get_one::<u64>("ttl-s").expect("has a default"),
        }),
        Some((other, _)) => unreachable!("clap knows no subcommand {other}"),
    };
    Ok(Some(Line { command, config, resolved }))
}

fn resolve(matches: &ArgMatches, variables: &[(String, String)]) -> anyhow::Result<Resolved> {
    let mut layers = Layers::new();
    let named = variables.iter().find(|(name, _)| name == "TURNOUT_CONFIG").map(|(_, path)| PathBuf::from(path));
    if let Some(path) = matches.get_one::<PathBuf>("config-file").cloned().or(named) {
        let content = fs::read_to_string(&path).with_context(|| format!("configuration file {}", path.display()))?;
        layers.file(&path.display().to_string(), &content)?;
    }
    layers.environment(variables.iter().cloned())?;
    for setting in SETTINGS {
        if let Some(value) = matches.get_one::<String>(setting.name) {
            layers.flag(setting.name, value.clone());
        }
    }
    Ok(layers.resolve())
}

fn app() -> Clap {
    let flags = SETTINGS.iter().map(|setting| {
        let default =
            if setting.default.is_empty() { String::new() } else { format!(" [default: {}]", setting.default) };
        Arg::new(setting.name)
            .long(setting.flag())
            .value_name(setting.value_name)
            .global(true)
            // Said twice, the later one counts: so a script's arguments can be overruled.
            .overrides_with(setting.name)
            .help(format!("{}{default} [env: {}]", setting.help, setting.env()))
            .help_heading("Settings")
    });
    Clap::new("turnout")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Shows exactly how many people are watching a live event, from one to a million, and how sure it is.")
        .long_about(
            "Shows exactly how many people are watching a live event, from one to a million, and how sure it is.\n\n\
             Without a subcommand the whole mesh runs in this process, with its data in one folder. With the name of a role it is \
             that role of a mesh, which meets the others over NATS and keeps its rows in a CQL cluster.\n\n\
             Each setting can stand in a TOML file, in the environment or on the command line; the later beats the former. \
             `turnout config` prints every setting, its value and where it came from.",
        )
        .arg(
            Arg::new("config-file")
                .long("config")
                .value_name("FILE")
                .global(true)
                .value_parser(value_parser!(PathBuf))
                .help("A TOML file with settings [env: TURNOUT_CONFIG]"),
        )
        .args(flags)
        .subcommand(Clap::new("gateway").about("Run the role that holds viewers' sockets and serves the pages"))
        .subcommand(Clap::new("presence").about("Run one replica of the counter"))
        .subcommand(Clap::new("registration").about("Run the role that keeps events, forms and registrants"))
        .subcommand(Clap::new("profiles").about("Run the role that keeps people, consents and accounts"))
        .subcommand(Clap::new("notifications").about("Run the role that sends messages"))
        .subcommand(Clap::new("config").about("Print every setting, its value and where it came from"))
        .subcommand(Clap::new("mesh-key").about("Print a new key for a mesh of several processes; keep it secret"))
        .subcommand(
            Clap::new("sign-in-link").about("Print a link that opens an organisation's console once; its first owner begins with it").arg(
                Arg::new("tenant")
                    .long("tenant")
                    .value_name("ID")
                    .default_value(DEMO_TENANT)
                    .value_parser(value_parser!(TenantId))
                    .help("The organisation; one that is new begins empty"),
            ),
        )
        .subcommand(
            Clap::new("recount")
                .about("Count an event's registrants anew from the tables and compare with what is shown; exit code 1 if they differ")
                .arg(Arg::new("event").long("event").value_name("ID").required(true).value_parser(value_parser!(EventId)).help("The event")),
        )
        .subcommand(
            Clap::new("dead-letters")
                .about("Show the messages that consumers of the process on this data folder gave up, or send them again")
                .subcommand_required(true)
                .subcommand(Clap::new("list").about("Print the oldest of each consumer: what it was, and why it was given up"))
                .subcommand(Clap::new("replay").about("Send them again, once what made them fail is mended")),
        )
        .subcommand(
            Clap::new("ticket")
                .about("Print tickets of as many different viewers, one a line, for load tools")
                .arg(Arg::new("event").long("event").value_name("ID").required(true).value_parser(value_parser!(EventId)).help("The event"))
                .arg(Arg::new("room").long("room").value_name("ID").value_parser(value_parser!(RoomId)).help("A room of it"))
                .arg(
                    Arg::new("count")
                        .long("count")
                        .value_name("N")
                        .default_value("1")
                        .value_parser(value_parser!(u32).range(1..=TICKETS_MAX))
                        .help("How many"),
                )
                .arg(
                    Arg::new("ttl-s")
                        .long("ttl-s")
                        .value_name("SECONDS")
                        .default_value("3600")
                        .value_parser(value_parser!(u64).range(1..=TICKET_TTL_S_MAX))
                        .help("How long they are good"),
                ),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(args: &[&str], variables: &[(&str, &str)]) -> Line {
        let args = ["turnout"].iter().chain(args).map(OsString::from);
        let variables = variables.iter().map(|(k, v)| (OsString::from(k), OsString::from(v)));
        parse(args, variables).unwrap().unwrap()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        app().debug_assert();
    }

    #[test]
    fn a_sign_in_link_is_the_demo_organisations_unless_another_is_named() {
        for (args, expected) in [(&["sign-in-link"][..], "demo"), (&["sign-in-link", "--tenant", "acme"], "acme")] {
            let Command::SignInLink(tenant) = line(args, &[]).command else { panic!("{args:?}") };
            assert_eq!(tenant.as_str(), expected);
        }
    }

    #[test]
    fn help_teaches_every_setting_with_its_variable() {
        let help = app().render_long_help().to_string();
        for setting in SETTINGS {
            assert!(help.contains(&format!("--{}", setting.flag())), "{}", setting.name);
            assert!(help.contains(&setting.env()), "{}", setting.name);
        }
    }

    #[test]
    fn without_a_subcommand_the_whole_mesh_runs_and_flags_stand_on_either_side_of_one() {
        assert!(matches!(line(&[], &[]).command, Command::Run(Role::AllInOne)));
        for args in [["--drain-s", "7", "gateway"], ["gateway", "--drain-s", "7"]] {
            let line = line(&args, &[("TURNOUT_DRAIN_S", "3")]);
            assert!(matches!(line.command, Command::Run(Role::Gateway)));
            assert_eq!(line.config.drain_s, 7);
        }
    }

    #[test]
    fn a_ticket_request_carries_its_event_and_count() {
        let Command::Ticket(wanted) = line(&["ticket", "--event", "demo", "--count", "3"], &[]).command else {
            panic!("not a ticket command");
        };
        assert_eq!((wanted.event.as_str(), wanted.count, wanted.ttl_s), ("demo", 3, 3600));
    }
}
