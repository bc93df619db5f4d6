//! Where what of a connection comes from: tables of cases.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;

fn environment(variables: &[(&str, &str)], home: Option<&Path>) -> Environment {
    Environment {
        variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        home: home.map(Path::to_owned),
        user: Some("me".to_owned()),
    }
}

/// On a machine without servers.
fn settings(url: &str, environment: &Environment) -> Result<Settings> {
    resolve(url, environment, &|_, _| false)
}

fn passwords(settings: &Settings) -> Vec<Option<&str>> {
    settings.addresses.iter().map(|address| address.password.as_ref().map(address::Secret::reveal)).collect()
}

/// The location leads to the same place: with it alone, the same location comes out.
fn stays(settings: &Settings) -> bool {
    let again = resolve(&settings.location, &Environment::default(), &|_, _| false);
    again.is_ok_and(|again| again.location == settings.location)
}

#[test]
fn urls_are_read_as_libpq_reads_them() {
    for (url, location) in [
        ("postgres://ana@db/shop", "postgres://ana@db/shop"),
        ("postgresql://ana@db/shop", "postgres://ana@db/shop"),
        ("postgres://ana:secret@db:5433/shop", "postgres://ana@db:5433/shop"),
        ("postgres://db", "postgres://me@db/me"),
        ("postgres://ana@db", "postgres://ana@db/ana"),
        ("postgres://", "postgres://me@localhost/me"),
        ("postgres:", "postgres://me@localhost/me"),
        ("postgres:///shop", "postgres://me@localhost/shop"),
        ("postgres:///shop?host=/run/pg", "postgres://me@/shop?host=/run/pg"),
        ("postgres://%2Frun%2Fpg:5433/shop", "postgres://me@/shop?host=/run/pg&port=5433"),
        ("postgres://a:1,b:2,c/shop", "postgres://me@a:1,b:2,c/shop"),
        ("postgres://a,b/shop?port=7", "postgres://me@a:7,b:7/shop"),
        ("postgres://[::1]:5433/shop", "postgres://me@[::1]:5433/shop"),
        ("postgres://[fe80::1]/shop", "postgres://me@[fe80::1]/shop"),
        ("postgres://db/shop?hostaddr=127.0.0.1", "postgres://me@db/shop?hostaddr=127.0.0.1"),
        ("postgres:hostaddr=127.0.0.1", "postgres://me@127.0.0.1/me"),
        ("postgres://an%61:p%40ss@db/sh%2Fop%20x", "postgres://ana@db/sh%2Fop%20x"),
        ("postgres://ana:a?b@db/shop", "postgres://ana@db/shop"),
        ("postgres://db/gr%C3%B6%C3%9Fe", "postgres://me@db/größe"),
        ("postgres://db/shop?user=eva&dbname=other&password=x", "postgres://eva@db/other"),
        ("postgres://db/shop?role=own%20er&connect_timeout=3", "postgres://me@db/shop?role=own%20er"),
        ("postgres://db/shop?sslmode=require&ssl=true", "postgres://me@db/shop?sslmode=require"),
        ("postgres://db/shop?options=-c%20geqo%3Doff", "postgres://me@db/shop?options=-c%20geqo%3Doff"),
        ("postgres:host=db dbname='my \\'db\\\\' user = ana port=5433", "postgres://ana@db:5433/my%20%27db%5C"),
        ("postgres: dbname=a\\ b", "postgres://me@localhost/a%20b"),
    ] {
        let settings = settings(url, &environment(&[], None)).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(settings.location, location, "{url}");
        assert!(stays(&settings), "{location}");
        assert!(!format!("{settings:?}").contains("secret"), "{settings:?}");
    }
}

#[test]
fn what_cannot_be_meant_is_named_without_secrets() {
    for (url, said) in [
        ("mysql://ana:secret@db", "is written postgres://"),
        ("postgres://ana:secret@db?hots=a", "`hots`, which is not known; known are host, "),
        ("postgres://ana:secret@db?require_auth=scram-sha-256", "`require_auth`, which is not supported"),
        ("postgres://ana:secret@db?sslmode", "has no value"),
        ("postgres://ana:secret@db:x/shop", "The port `x`"),
        ("postgres://ana:secret@db:0/shop", "The port `0`"),
        ("postgres://ana:secret@db:70000/shop", "The port `70000`"),
        ("postgres://ana:secret@a,b,c:1,d:2/shop?port=1,2", "4 hosts and 2 ports"),
        ("postgres://ana:secret@a,b?hostaddr=127.0.0.1", "2 hosts and 1 numeric"),
        ("postgres://ana:secret@db?hostaddr=db", "numeric address, not `db`"),
        ("postgres://ana:secret@[::1/shop", "[IPV6]:PORT"),
        ("postgres://ana:secret@::1/shop", "[IPV6]:PORT"),
        ("postgres://ana:secret%@db", "write % as %25"),
        ("postgres://ana:secret%00@db", "write % as %25"),
        ("postgres://ana:secret%ff@db", "write % as %25"),
        ("postgres://ana:secret@db?sslmode=full", "sslmode is one of prefer, disable,"),
        ("postgres://ana:secret@db?sslmode=verify-ca", "needs a file of authorities"),
        ("postgres://ana:secret@db?sslmode=require&sslrootcert=system", "needs sslmode=verify-full"),
        ("postgres://ana:secret@db?sslmode=verify-full&sslrootcert=/no/such", "/no/such cannot be read"),
        ("postgres://ana:secret@db?sslnegotiation=direct", "stricter, not prefer"),
        ("postgres://ana:secret@db?connect_timeout=soon", "connect_timeout wants a whole number"),
        ("postgres://ana:secret@db?target_session_attrs=best", "target_session_attrs is one of any"),
        ("postgres://ana:secret@db?client_encoding=LATIN1", "UTF-8"),
        ("postgres://ana:secret@@db", ""),
        ("postgres://ana:secret@db?host=@abstract", "not supported"),
        ("postgres:password=secret host", "has no value"),
        ("postgres:password='secret", "does not end"),
        ("postgres:password=secret host=db nonsense=1", "`nonsense`"),
        ("postgres://ana:secret@db?service=shop", "The service shop is in no service file"),
    ] {
        match settings(url, &environment(&[("PGSYSCONFDIR", "/no/such")], None)) {
            Ok(settings) => {
                assert!(said.is_empty() && !settings.location.contains("secret"), "{url}: {}", settings.location)
            }
            Err(error) => {
                assert_eq!(error.code(), "usage", "{url}");
                assert!(error.to_string().contains(said), "{url}: {error}");
                assert!(!error.to_string().contains("secret"), "{url}: {error}");
            }
        }
    }
    assert!(
        Settings::resolve("postgres://db", &Environment::default())
            .is_err_and(|error| error.to_string().contains("PGUSER"))
    );
}

#[test]
fn nearer_places_go_before_farther_ones() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".pg_service.conf");
    let text = "# services\n[other]\nhost=never\n\n[shop]\nhost=of-service\nport=1111\nuser=sam\nsslmode=disable\nport=2222\n[last]\ndbname=x\n";
    std::fs::write(&file, text).unwrap();
    let variables = [("PGHOST", "of-variable"), ("PGPORT", "3333"), ("PGDATABASE", "of-variable"), ("PGUSER", "vera")];
    let with = |more: (&'static str, &'static str)| variables.iter().copied().chain([more]).collect::<Vec<_>>();
    for (url, variables, location) in [
        ("postgres:", vec![], "postgres://me@localhost/me"),
        ("postgres:", variables.to_vec(), "postgres://vera@of-variable:3333/of-variable"),
        ("postgres://u@url:1/d", variables.to_vec(), "postgres://u@url:1/d"),
        // The parts that the URL leaves out.
        ("postgres://url", variables.to_vec(), "postgres://vera@url:3333/of-variable"),
        ("postgres:service=shop", variables.to_vec(), "postgres://sam@of-service:1111/of-variable?sslmode=disable"),
        ("postgres:", with(("PGSERVICE", "shop")), "postgres://sam@of-service:1111/of-variable?sslmode=disable"),
        ("postgres://url/?service=shop", variables.to_vec(), "postgres://sam@url:1111/of-variable?sslmode=disable"),
        // An empty value is the default, and nobody farther is asked.
        ("postgres:host='' user=u dbname=d", variables.to_vec(), "postgres://u@localhost:3333/d"),
        ("postgres:", with(("PGSSLMODE", "disable")), "postgres://vera@of-variable:3333/of-variable?sslmode=disable"),
        (
            "postgres:",
            with(("PGHOSTADDR", "10.0.0.1")),
            "postgres://vera@of-variable:3333/of-variable?hostaddr=10.0.0.1",
        ),
    ] {
        let settings = settings(url, &environment(&variables, Some(home.path()))).unwrap();
        assert_eq!(settings.location, location, "{url} {variables:?}");
        assert!(stays(&settings), "{location}");
    }
    let missing = settings("postgres:service=none", &environment(&[("PGSYSCONFDIR", "/no/such")], Some(home.path())));
    assert!(missing.unwrap_err().to_string().starts_with("The service none is in no service file"));
    for (text, said) in [
        ("[shop]\nnonsense\n", "Line 2 of the service file"),
        ("[shop]\nhots=1\n", "`hots`, which is not known"),
        ("[shop]\nldap://x\n", "directory server"),
        ("[shop]\nservice=other\n", "names another service"),
    ] {
        std::fs::write(&file, text).unwrap();
        let error = settings("postgres:service=shop", &environment(&[], Some(home.path()))).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    // A file that was asked for by name must be there.
    let error = settings("postgres:service=shop", &environment(&[("PGSERVICEFILE", "/no/such")], None)).unwrap_err();
    assert!(error.to_string().starts_with("The service file /no/such cannot be read"), "{error}");
}

#[test]
fn without_a_host_the_local_server_is_found() {
    for (there, port, expected) in [
        (&["/tmp", "/var/run/postgresql"][..], "", "postgres://me@/me?host=/var/run/postgresql"),
        (&["/tmp"], "?port=5433", "postgres://me@/me?host=/tmp&port=5433"),
        (&[], "?port=5433", "postgres://me@localhost:5433/me"),
    ] {
        let url = format!("postgres://{port}");
        let found = |folder: &Path, _: u16| there.contains(&folder.to_str().unwrap());
        assert_eq!(resolve(&url, &environment(&[], None), &found).unwrap().location, expected);
    }
}

#[test]
#[cfg(unix)]
fn passwords_are_looked_up_for_each_address() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".pgpass");
    std::fs::write(&file, "a:5432:shop:ana:one\nb:*:*:ana:two\nlocalhost:*:*:ana:local\n/run/pg:*:*:*:socket\n")
        .unwrap();
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o600);
    let environment = environment(&[], Some(home.path()));
    for (url, expected) in [
        ("postgres://ana@a,b,c/shop", &[Some("one"), Some("two"), None][..]),
        ("postgres://ana:mine@a,b/shop", &[Some("mine"), Some("mine")]),
        ("postgres://ana@/shop?host=/var/run/postgresql", &[Some("local")]),
        ("postgres://ana@/shop?host=/run/pg", &[Some("socket")]),
        ("postgres://eva@a/shop", &[None]),
        ("postgres://ana@a/shop?passfile=/no/such", &[None]),
    ] {
        let settings = settings(url, &environment).unwrap();
        assert_eq!(passwords(&settings), expected, "{url}");
        assert!(!format!("{settings:?}{}", settings.location).contains("two"));
        // A stage has another name, and the same password.
        assert_eq!(passwords(&settings.database("stage")), expected, "{url}");
    }
    mode(0o640);
    let ignored = settings("postgres://ana@a/shop", &environment).unwrap();
    assert_eq!(passwords(&ignored), [None]);
    assert!(ignored.unread.unwrap().contains("chmod 0600"));
}

#[test]
fn variables_are_never_shown() {
    let shown = format!("{:?}", environment(&[("PGPASSWORD", "secret")], None));
    assert!(shown.contains("PGPASSWORD") && !shown.contains("secret"), "{shown}");
    assert_eq!(Environment::default().variables, BTreeMap::new());
}
