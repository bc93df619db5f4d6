//! A repository on a plain web server: reading needs ranges and nothing else.

use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

use super::{restores, scene, step};

/// Serves a folder's files, whole or in ranges; gives the port.
fn serve(folder: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let folder = folder.clone();
            std::thread::spawn(move || answer(stream, &folder));
        }
    });
    port
}

fn answer(stream: TcpStream, folder: &std::path::Path) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let mut stream = stream;
    loop {
        let first = lines.next()?.ok()?;
        let path = first.split(' ').nth(1)?.trim_start_matches('/').to_owned();
        let mut range = None;
        for line in lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()) {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
                let (from, to) = value.split_once('-')?;
                range = Some((from.parse::<u64>().ok()?, to.parse::<u64>().ok()?));
            }
        }
        let Ok(mut file) = std::fs::File::open(folder.join(path)) else {
            stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").ok()?;
            continue;
        };
        let size = file.metadata().ok()?.len();
        let (from, to) = range.map_or((0, size), |(from, to)| (from, (to + 1).min(size)));
        let mut body = vec![0; (to - from) as usize];
        file.seek(SeekFrom::Start(from)).ok()?;
        file.read_exact(&mut body).ok()?;
        let modified = "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nETag: \"x\"\r\n";
        let head = match range {
            Some(_) => format!("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{}/{size}\r\n", to - 1),
            None => "HTTP/1.1 200 OK\r\n".to_owned(),
        };
        stream.write_all(format!("{head}{modified}Content-Length: {}\r\n\r\n", body.len()).as_bytes()).ok()?;
        stream.write_all(&body).ok()?;
    }
}

#[test]
fn a_plain_web_server_is_enough_to_read() {
    let sandbox = scene();
    step(&sandbox, 1, &[]);
    step(&sandbox, 2, &["--incremental"]);
    let url = format!("http://127.0.0.1:{}", serve(sandbox.path("backups")));
    sandbox.run(&["repository", "remove", "r"]).expect(0);
    sandbox.run(&["repository", "add", "r", &url]).expect(0);
    restores(&sandbox, 1, 1);
    restores(&sandbox, 2, 2);
    sandbox.run(&["backup", "verify", "r/shop"]).expect(0);
    let refused = sandbox.json(&["backup", "purge", "r/shop@1"]).expect(3);
    assert_eq!(refused.code(), "repository.read_only");
}
