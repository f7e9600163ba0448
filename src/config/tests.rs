//! Configuration as an operator meets it: files with mistakes, and the words that come back.

use std::fs;

use tempfile::TempDir;

use super::*;

fn sources(text: &str) -> (TempDir, Sources) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sekat.toml");
    fs::write(&file, text).unwrap();
    (dir, Sources { file: Some(file), file_required: true, ..Sources::default() })
}

fn load(text: &str) -> Result<Config, ConfigError> {
    let (_dir, sources) = sources(text);
    Config::load(&sources)
}

/// The problems, without the folder of the test.
fn problems(text: &str) -> Vec<String> {
    let (dir, sources) = sources(text);
    let folder = format!("{}/", dir.path().display());
    let error = Config::load(&sources).unwrap_err();
    error.problems.iter().map(|p| p.to_string().replace(&folder, "")).collect()
}

fn with_env(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let (_dir, mut sources) = sources(text);
    sources.env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::load(&sources)
}

#[test]
fn no_file_at_all_means_the_defaults() {
    let config = Config::load(&Sources::default()).unwrap();
    assert_eq!(config.session.ttl, Duration::from_secs(300));
    assert_eq!(config.access.rules().role(TelegramId(5)), None, "nobody is admitted unless named");
    let gone = Sources { file: Some("/nowhere/sekat.toml".into()), file_required: false, ..Sources::default() };
    assert!(Config::load(&gone).is_ok());
    let asked = Sources { file_required: true, ..gone };
    assert!(Config::load(&asked).unwrap_err().to_string().starts_with("/nowhere/sekat.toml: cannot be read"));
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_key() {
    assert_eq!(
        problems("# hello\n[telegram]\ntokn_file = \"x\"\n[sesion]\nttl = \"5m\"\n"),
        [
            "sekat.toml:3: unknown key telegram.tokn_file; did you mean telegram.token_file?",
            "sekat.toml:4: unknown section [sesion]; did you mean [session]?",
        ]
    );
    assert_eq!(problems("[data]\nttl = \"5m\"\n"), ["sekat.toml:2: unknown key data.ttl; did you mean session.ttl?"]);
    assert_eq!(problems("ttl = \"5m\"\n"), ["sekat.toml:1: unknown key ttl; did you mean session.ttl?"]);
    assert_eq!(
        problems("[whatsapp.wbe]\n"),
        ["sekat.toml:1: unknown section [whatsapp.wbe]; did you mean [whatsapp.web]?"]
    );
    assert_eq!(problems("[log]\nqqqq = 1\n"), ["sekat.toml:2: unknown key log.qqqq; sekat.example.toml lists all"]);
}

#[test]
fn an_ill_typed_key_is_refused_with_what_it_expects() {
    assert_eq!(
        problems("[session]\nttl = 5\n[store]\nthreads = \"four\"\n[log]\nlevel = \"loud\"\n"),
        [
            "sekat.toml:2: session.ttl: expects a duration such as \"500ms\", \"30s\", \"5m\" or \"2h\", got a value of type integer",
            "sekat.toml:4: store.threads: expects a whole number, 0 or more, got \"four\"",
            "sekat.toml:6: log.level: expects \"error\", \"warn\", \"info\", \"debug\" or \"trace\", got \"loud\"",
        ]
    );
    assert_eq!(
        problems("session = 5"),
        ["sekat.toml:1: session: is a section: write it as [name], with its keys below"]
    );
    assert_eq!(problems("[store]\nthreads = -1").len(), 1);
}

#[test]
fn a_broken_file_is_told_by_line_without_repeating_it() {
    let told = problems("[telegram]\n\ntoken = \"12345:SECRETSECRET\n");
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("sekat.toml:3: is not TOML: "), "{told:?}");
    assert!(!told[0].contains("SECRET"), "{told:?}");
}

#[test]
fn a_token_never_shows_in_a_message_or_in_debug() {
    let told = problems("[telegram]\ntoken = [\"12345:SECRETSECRET\"]\n");
    assert!(!told.concat().contains("SECRET"));
    let told = problems("[telegram]\ntoken = \"SECRETSECRET\"\n");
    assert_eq!(told, ["sekat.toml:2: telegram.token: is no bot token: @BotFather's have the form 123456789:AbC-…"]);
    let config = load("[telegram]\ntoken = \"12345:SECRETSECRET\"\n").unwrap();
    assert!(!format!("{config:?}").contains("SECRET"));
}

#[test]
fn a_listener_that_others_can_reach_needs_a_token() {
    for open in ["0.0.0.0:9464", "192.0.2.1:80", "[::]:9464"] {
        let told = problems(&format!("[http]\nlisten = \"{open}\"\n"));
        let what = "others can reach this address: give a token (http.token_file), or listen on 127.0.0.1";
        assert_eq!(told, [format!("sekat.toml:2: http.listen: {what}")]);
        let token = "token = \"sixteen-letters-or-more\"";
        assert!(load(&format!("[http]\nlisten = \"{open}\"\n{token}\n")).is_ok());
    }
    assert!(load("[http]\nlisten = \"127.0.0.1:9464\"\n").is_ok());
    assert_eq!(
        problems("[http]\ntoken = \"short\"\n"),
        ["sekat.toml:2: http.token: is too short: at least 16 letters"]
    );
    assert_eq!(
        problems("[http]\nlisten = \"9464\"\n"),
        ["sekat.toml:2: http.listen: expects an address with its port such as \"127.0.0.1:9464\", got \"9464\""]
    );
}

#[test]
fn a_webhook_needs_what_telegram_needs() {
    let webhook = |lines: &str| {
        format!("[telegram]\nmode = \"webhook\"\n[http]\nlisten = \"127.0.0.1:1\"\n[telegram.webhook]\n{lines}\n")
    };
    assert!(load(&webhook("url = \"https://bot.example.org/telegram\"")).is_ok());
    assert!(load(&webhook("url = \"https://bot.example.org:8443/\"\npath = \"/here\"")).is_ok());
    for (lines, problem) in [
        ("", "sekat.toml:2: telegram.mode: \"webhook\" needs telegram.webhook.url: where Telegram brings updates"),
        (
            "url = \"http://bot.example.org/x\"",
            "sekat.toml:6: telegram.webhook.url: must begin with https://: Telegram brings updates over TLS only, to a reverse proxy of yours",
        ),
        (
            "url = \"https://bot.example.org:9000/x\"",
            "sekat.toml:6: telegram.webhook.url: Telegram brings updates to the ports 443, 80, 88 and 8443 only",
        ),
        (
            "url = \"https://bot.example.org/metrics\"",
            "sekat.toml:6: telegram.webhook.url: needs a path of its own, beginning with \"/\", and none of /healthz, /readyz, /metrics",
        ),
    ] {
        assert_eq!(problems(&webhook(lines)), [problem]);
    }
    let told = problems("[telegram]\nmode = \"webhook\"\nwebhook.url = \"https://bot.example.org/x\"\n");
    assert_eq!(told, ["sekat.toml:2: telegram.mode: \"webhook\" needs http.listen: where they arrive here"]);
    // Only where the Bot API is on this machine too.
    let here = "[telegram]\napi_url = \"http://127.0.0.1:9\"\nwebhook.url = \"http://127.0.0.1:5/x\"\n";
    assert!(load(here).is_ok());
    for secret in ["short", "sixteen letters, or more", "a-secret-with-ünlauts"] {
        let told = problems(&format!("[telegram.webhook]\nsecret = \"{secret}\"\nconnections = 101\n"));
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(!told.concat().contains(secret));
    }
}

#[test]
fn each_secret_comes_from_its_variable_its_credential_or_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    fs::write(&file, "from-the-file-of-its-own\n").unwrap();
    let config = load(&format!("[http]\ntoken_file = {file:?}\n[telegram.webhook]\nsecret_file = {file:?}\n")).unwrap();
    assert_eq!(config.http.token.unwrap().expose(), "from-the-file-of-its-own");
    assert_eq!(config.telegram.webhook.secret.unwrap().expose(), "from-the-file-of-its-own");
    fs::write(dir.path().join(HTTP_TOKEN_CREDENTIAL), "from-the-credential").unwrap();
    let credentials_dir = Some(dir.path().to_owned());
    let config = Config::load(&Sources { credentials_dir, ..Sources::default() }).unwrap();
    assert_eq!(config.http.token.unwrap().expose(), "from-the-credential");
    let config =
        with_env("[http]\ntoken_file = \"/nowhere\"\n", &[("SEKAT_HTTP__TOKEN", "from-the-variable")]).unwrap();
    assert_eq!(config.http.token.unwrap().expose(), "from-the-variable");
    assert!(
        problems("[http]\ntoken_file = \"/nowhere\"\n")[0]
            .starts_with("sekat.toml:2: http.token_file: /nowhere cannot be read")
    );
}

#[test]
fn values_that_make_no_sense_are_refused_in_words() {
    let told = problems(
        "[telegram]\napi_url = \"ftp://x\"\npoll_timeout = \"20s\"\nrate_per_second = 0\n[access]\nallow = [5, -100]\nadmins = [0]\nowner = 777000\n\
         [session]\nttl = \"0s\"\n[whatsapp.web]\nendpoint = \"ws://example.org/\"\nversion = \"2.3000\"\n[sessions]\ndir = \"data\"",
    );
    let keys: Vec<_> = told.iter().map(|line| line.split(": ").nth(1).unwrap()).collect();
    assert_eq!(
        keys,
        [
            "telegram.api_url",
            "telegram.poll_timeout",
            "telegram.rate_per_second",
            "access.allow",
            "access.admins",
            "access.owner",
            "whatsapp.web.endpoint",
            "whatsapp.web.version",
            "sessions.dir",
            "session.ttl"
        ]
    );
    assert!(told[0].starts_with("sekat.toml:2: "));
    assert!(load("[whatsapp.web]\nendpoint = \"ws://127.0.0.1:9/ws\"\n").is_ok());
    assert!(load("[whatsapp.web]\nendpoint = \"ws://[::1]:9/ws\"\n").is_ok());
}

#[test]
fn who_is_who_is_read() {
    let text = "[access]\nmode = \"invite\"\nallow = [7]\nowner = 5\nadmins = [6, 5]\n";
    let rules = load(text).unwrap().access.rules();
    assert_eq!((rules.mode, rules.owner), (AccessMode::Invite, Some(TelegramId(5))));
    assert_eq!((rules.admins, rules.allow), ([5, 6].map(TelegramId).into(), [7].map(TelegramId).into()));
    let told = problems("[access]\nmode = \"invited\"\n");
    assert_eq!(told, ["sekat.toml:2: access.mode: expects \"allow-list\", \"invite\" or \"open\", got \"invited\""]);
}

#[test]
fn variables_win_over_the_file_and_their_typos_are_refused() {
    let file = "[session]\nttl = \"5m\"\n";
    let config =
        with_env(file, &[("SEKAT_SESSION__TTL", "90s"), ("SEKAT_ACCESS__ALLOW", "7, 8"), ("SEKAT_CONFIG", "x")])
            .unwrap();
    assert_eq!(config.session.ttl, Duration::from_secs(90));
    assert_eq!(config.access.rules().allow, [7, 8].map(TelegramId).into());
    let told = with_env("", &[("SEKAT_TELEGRAM__TOKENFILE", "x"), ("SEKAT_STORE__THREADS", "many")]).unwrap_err();
    assert_eq!(
        told.to_string(),
        "SEKAT_STORE__THREADS: expects a whole number, 0 or more, got \"many\"\n\
         SEKAT_TELEGRAM__TOKENFILE: unknown variable; did you mean SEKAT_TELEGRAM__TOKEN_FILE?"
    );
}

#[test]
fn the_token_comes_from_the_variable_then_the_credential_then_the_file() {
    let (dir, mut sources) = sources("[telegram]\ntoken = \"4:four\"\n");
    let token = |sources: &Sources| Config::load(sources).unwrap().token().unwrap().expose().to_owned();
    assert_eq!(token(&sources), "4:four");
    let file = dir.path().join("token");
    fs::write(&file, "3:three\n").unwrap();
    sources.env.push(("SEKAT_TELEGRAM__TOKEN_FILE".into(), file.display().to_string()));
    assert_eq!(token(&sources), "3:three");
    fs::write(dir.path().join(TOKEN_CREDENTIAL), "2:two\n").unwrap();
    sources.credentials_dir = Some(dir.path().to_owned());
    assert_eq!(token(&sources), "2:two");
    sources.env.push(("SEKAT_TELEGRAM__TOKEN".into(), "1:one".into()));
    assert_eq!(token(&sources), "1:one");
    assert!(Config::default().token().unwrap_err().to_string().contains("@BotFather"));
}

#[test]
fn a_token_file_that_is_not_there_is_told_where_it_was_named() {
    let told = problems("[telegram]\ntoken_file = \"/nowhere/token\"\n");
    assert!(told[0].starts_with("sekat.toml:2: telegram.token_file: /nowhere/token cannot be read"), "{told:?}");
}

#[test]
fn the_example_file_lists_every_key_with_its_default() {
    let example = include_str!("../../sekat.example.toml");
    let config = load(example).unwrap();
    let defaults = Config::default();
    let (mut section, mut active, mut optional) = (String::new(), Vec::new(), Vec::new());
    for line in example.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if let Some((name, _)) = line.split_once(" = ") {
            match name.strip_prefix('#') {
                Some(name) if !name.contains(' ') => optional.push(format!("{section}.{name}")),
                None => active.push(format!("{section}.{name}")),
                Some(_) => {}
            }
        }
    }
    for key in keys::all() {
        let default = (key.show)(&defaults);
        assert_eq!((key.show)(&config), default, "{}", key.path);
        let listed = if default.is_some() { &active } else { &optional };
        assert!(listed.contains(&key.path.to_owned()), "{} must stand in the example", key.path);
    }
    assert_eq!(active.len() + optional.len(), keys::all().len(), "the example lists nothing else");
    let all =
        example.lines().map(|l| l.strip_prefix('#').filter(|l| !l.starts_with(' ') && !l.is_empty()).unwrap_or(l));
    let text = all
        .filter(|line| !["token_file", "secret_file", "ca_file"].iter().any(|file| line.starts_with(file)))
        .collect::<Vec<_>>()
        .join("\n");
    load(&text).unwrap_or_else(|e| panic!("uncommented, it must still be valid: {e}"));
}

#[test]
fn durations_and_sizes_read_as_written() {
    for (text, millis) in [("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("2h", 7_200_000), ("1d", 86_400_000)] {
        let config = load(&format!("[whatsapp]\nreconnect_stagger = \"{text}\"")).unwrap();
        assert_eq!(config.whatsapp.reconnect_stagger, Duration::from_millis(millis));
    }
    for wrong in ["5", "5 years", "-5s", "s", "", "99999999999999999999s", "18446744073709551615d"] {
        assert!(load(&format!("[session]\nttl = \"{wrong}\"")).is_err(), "{wrong}");
    }
    assert_eq!(load("[limits]\ndisk_reserve = \"2GiB\"").unwrap().limits.disk_reserve, Size(2 << 30));
}

#[test]
fn servers_are_named_by_the_variables_that_everybody_knows() {
    let engine = |file: &str, env: &[(&str, &str)]| {
        let config = with_env(file, env).unwrap();
        format!("{:?}", config.engine().unwrap())
    };
    assert_eq!(engine("", &[]), "File");
    assert_eq!(engine("[sessions]\nenabled = false", &[]), "Memory");
    assert_eq!(engine("[sessions]\nengine = \"memory\"", &[("REDIS_ENABLED", "true")]), "Memory");
    assert_eq!(engine("", &[("REDIS_HOST", "redis.example.org")]), "File", "not before it is enabled");
    let redis = engine("", &[("REDIS_ENABLED", "true"), ("REDIS_HOST", "a.example.org"), ("REDIS_PORT", "7000")]);
    assert!(redis.starts_with("Redis(") && redis.contains("Tcp(\"a.example.org\", 7000), tls: false"), "{redis}");
    // The address comes first; an empty variable is none.
    let env = [
        ("REDIS_ENABLED", "true"),
        ("REDIS_URL", "rediss://ana:SECRETSECRET@b.example.org:7001/3"),
        ("REDIS_HOST", "a.example.org"),
        ("REDIS_PASSWORD", ""),
        ("DATABASE_URL", "postgres://sekat:SECRETSECRET@c.example.org/sekat"),
    ];
    let both = engine("", &env);
    assert!(both.starts_with("Hybrid(") && both.contains("Tcp(\"b.example.org\", 7001), tls: true"), "{both}");
    assert!(both.contains("Tcp(\"c.example.org\", 5432)") && !both.contains("SECRET"), "{both}");
    assert!(engine("", &env[4..]).starts_with("Postgres("));
    let wins = with_env("", &[("REDIS_PORT", "1"), ("SEKAT_REDIS__PORT", "2")]).unwrap();
    assert_eq!((wins.redis.port, wins.redis.connect_timeout), (2, 5_000));
}

#[test]
fn a_server_that_is_named_wrongly_is_told_by_its_setting_and_without_its_secret() {
    let told = |env: &[(&str, &str)]| match with_env("", env) {
        Ok(config) => config.engine().unwrap_err().to_string(),
        Err(error) => error.to_string(),
    };
    for (env, begins) in [
        (&[("REDIS_ENABLED", "yes")] as &[_], "REDIS_ENABLED: expects true or false, got \"yes\""),
        (&[("REDIS_PORT", "70000")], "REDIS_PORT: must be between 1 and 65535"),
        (&[("REDIS_DATABASE", "-1")], "REDIS_DATABASE: expects a whole number, 0 or more, got \"-1\""),
        (&[("SEKAT_SESSION__NODE", "first node")], "SEKAT_SESSION__NODE: must be 1 to 32 letters"),
        (&[("SEKAT_SESSIONS__ENGINE", "hybrid")], "SEKAT_SESSIONS__ENGINE: \"hybrid\" needs redis.enabled"),
        (&[("DATABASE_URL", "mysql://ana:SECRET@h/x")], "postgres.url (DATABASE_URL): is no address of such a server"),
        (
            &[("DATABASE_URL", "postgres://ana:SECRET@/x")],
            "postgres.url (DATABASE_URL): is no address of such a server",
        ),
        (
            &[("REDIS_ENABLED", "true"), ("REDIS_URL", "http://ana:SECRET@h")],
            "redis.url (REDIS_URL): is no address of such a server",
        ),
        (
            &[("DATABASE_URL", "postgres://ana@h/x"), ("SEKAT_SESSIONS__CA_FILE", "/nowhere/ca.pem")],
            "sessions.ca_file: the connection is not safe: the file of certificates",
        ),
    ] {
        let told = told(env);
        assert!(told.starts_with(begins) && !told.contains("SECRET"), "{told}");
    }
}
