//! Encrypted connections to a real server, with certificates made for the test.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::super::Environment;
use super::super::connection::Connection;
use super::super::local_server::{LocalServer, run};
use super::super::settings::Settings;
use crate::error::Result;

const RULES: &str = "local all postgres trust\n\
    hostssl all carl all cert\n\
    hostssl all onlytls all scram-sha-256\n\
    hostnossl all onlyplain all scram-sha-256\n\
    host all ana all scram-sha-256\n";

struct Scene {
    server: LocalServer,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scene = Self { server: LocalServer::start(""), folder };
        scene.authority("authority");
        scene.authority("other");
        scene.certificate("server", "server.example", "subjectAltName=DNS:localhost");
        scene.certificate("client", "carl", "extendedKeyUsage=clientAuth");
        scene.server.sql(
            "postgres",
            "CREATE ROLE ana LOGIN PASSWORD 'secret'; CREATE ROLE onlytls LOGIN PASSWORD 'secret';
             CREATE ROLE onlyplain LOGIN PASSWORD 'secret'; CREATE ROLE carl LOGIN",
        );
        for (from, to) in [("server.crt", "server.crt"), ("server.key", "server.key"), ("authority.crt", "root.crt")] {
            let to = scene.server.data().join(to);
            std::fs::copy(scene.path(from), &to).unwrap();
            std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).unwrap();
            scene.server.own(&to);
        }
        std::fs::write(scene.server.data().join("pg_hba.conf"), RULES).unwrap();
        scene.server.sql("postgres", "ALTER SYSTEM SET ssl_ca_file = 'root.crt'");
        scene.encrypts(true);
        scene
    }

    fn encrypts(&self, on: bool) {
        self.server.sql("postgres", &format!("ALTER SYSTEM SET ssl = {on}"));
        self.server.control("restart");
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn openssl(&self, arguments: &str) {
        run(Command::new("openssl").args(arguments.split_whitespace()).current_dir(self.folder.path()));
    }

    fn authority(&self, name: &str) {
        self.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -keyout {name}.key -out {name}.crt -subj /CN={name}"
        ));
    }

    fn certificate(&self, name: &str, subject: &str, extension: &str) {
        std::fs::write(self.folder.path().join("extension"), extension).unwrap();
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {name}.key -out {name}.csr -subj /CN={subject}"
        ));
        self.openssl(&format!(
            "x509 -req -days 30 -in {name}.csr -CA authority.crt -CAkey authority.key -CAcreateserial -extfile extension -out {name}.crt"
        ));
        std::fs::set_permissions(
            self.folder.path().join(format!("{name}.key")),
            std::fs::Permissions::from_mode(0o600),
        )
        .unwrap();
    }

    fn settings(&self, user: &str, host: &str, parameters: &str) -> Result<Settings> {
        let parameters = parameters.replace("DIR", &self.folder.path().display().to_string());
        let url = format!("postgres://{user}@{host}:{}/postgres?{parameters}", self.server.port);
        Settings::resolve(&url, &Environment::default())
    }

    /// Whether a connection that is made so is encrypted.
    fn encrypted(&self, user: &str, host: &str, parameters: &str) -> Result<bool> {
        let mut connection = Connection::open(&self.settings(user, host, parameters)?)?;
        let rows = connection.texts("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").unwrap();
        Ok(rows[0][0].as_deref() == Some("t"))
    }

    fn expect(&self, cases: &[(&str, &str, &str, std::result::Result<bool, &str>)]) {
        for (user, host, parameters, expected) in cases {
            let case = format!("{user} at {host}, {parameters}");
            match (self.encrypted(user, host, parameters), expected) {
                (Ok(encrypted), Ok(expected)) => assert_eq!(encrypted, *expected, "{case}"),
                (Err(error), Err(said)) => {
                    assert!(error.to_string().contains(said), "{case}: {error}");
                    assert!(!error.to_string().contains("secret"), "{case}: {error}");
                }
                (got, expected) => panic!("{case}: {got:?} instead of {expected:?}"),
            }
        }
    }
}

const ANA: &str = "ana:secret";

#[test]
fn every_mode_trusts_as_libpq_does() {
    let scene = Scene::new();
    scene.expect(&[
        (ANA, "localhost", "sslmode=disable", Ok(false)),
        (ANA, "localhost", "sslmode=allow", Ok(false)),
        (ANA, "localhost", "sslmode=prefer", Ok(true)),
        (ANA, "localhost", "", Ok(true)),
        (ANA, "localhost", "sslmode=require", Ok(true)),
        // With a file of authorities, `require` looks at the certificate.
        (ANA, "127.0.0.1", "sslmode=require&sslrootcert=DIR/authority.crt", Ok(true)),
        (ANA, "localhost", "sslmode=require&sslrootcert=DIR/other.crt", Err("UnknownIssuer")),
        (ANA, "127.0.0.1", "sslmode=verify-ca&sslrootcert=DIR/authority.crt", Ok(true)),
        (ANA, "localhost", "sslmode=verify-ca&sslrootcert=DIR/other.crt", Err("UnknownIssuer")),
        (ANA, "localhost", "sslmode=verify-full&sslrootcert=DIR/authority.crt", Ok(true)),
        (ANA, "127.0.0.1", "sslmode=verify-full&sslrootcert=DIR/authority.crt", Err("not valid for name")),
        (ANA, "localhost", "hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=DIR/authority.crt", Ok(true)),
        (ANA, "localhost", "sslmode=verify-full&sslrootcert=DIR/other.crt", Err("UnknownIssuer")),
        (ANA, "localhost", "sslmode=verify-full", Err("UnknownIssuer")),
        // The server's own certificate as the one that is trusted.
        (ANA, "localhost", "sslmode=verify-full&sslrootcert=DIR/server.crt", Ok(true)),
        (ANA, "127.0.0.1", "sslmode=verify-full&sslrootcert=DIR/server.crt", Err("not valid for name")),
        (ANA, "localhost", "sslmode=verify-full&sslrootcert=DIR/server.key", Err("holds no certificate")),
        (ANA, "localhost", "sslmode=require&channel_binding=require", Ok(true)),
        (ANA, "localhost", "sslmode=disable&channel_binding=require", Err("channel binding")),
        (ANA, "localhost", "sslmode=require&ssl_min_protocol_version=TLSv1.3", Ok(true)),
        // What the server's rules allow decides where the mode leaves it open.
        ("onlytls:secret", "localhost", "sslmode=allow", Ok(true)),
        ("onlytls:secret", "localhost", "sslmode=disable", Err("no pg_hba.conf entry")),
        ("onlyplain:secret", "localhost", "sslmode=prefer", Ok(false)),
        ("onlyplain:secret", "localhost", "sslmode=require", Err("no pg_hba.conf entry")),
        ("ana:wrong", "localhost", "sslmode=require", Err("password authentication failed")),
        ("ana", "localhost", "sslmode=require", Err("asks for a password, and none was given; set PGPASSWORD")),
        ("carl", "localhost", "sslmode=require&sslcert=DIR/client.crt&sslkey=DIR/client.key", Ok(true)),
        ("carl", "localhost", "sslmode=require", Err("client certificate")),
        ("carl", "localhost", "sslmode=require&sslcert=DIR/client.crt", Err("has no key")),
        // The second address is tried, and what both said is told.
        (ANA, "127.0.0.1:1,localhost", "sslmode=require", Ok(true)),
        ("ana:wrong", "127.0.0.1:1,localhost", "", Err("; 127.0.0.1:1: ")),
    ]);
    assert_eq!(scene.encrypted("ana:wrong", "localhost", "").unwrap_err().code(), "target.no_right");
    assert_eq!(scene.encrypted("ana", "localhost", "").unwrap_err().code(), "target.no_right");
    let open = scene.folder.path().join("client.key");
    std::fs::set_permissions(Path::new(&open), std::fs::Permissions::from_mode(0o644)).unwrap();
    scene.expect(&[(
        "carl",
        "localhost",
        "sslmode=require&sslcert=DIR/client.crt&sslkey=DIR/client.key",
        Err("may be read by others"),
    )]);
    scene.encrypts(false);
    scene.expect(&[
        (ANA, "localhost", "sslmode=prefer", Ok(false)),
        (ANA, "localhost", "sslmode=require", Err("server does not support TLS")),
        (ANA, "localhost", "sslmode=verify-full", Err("server does not support TLS")),
    ]);
}
