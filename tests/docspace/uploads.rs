//! `backupFileUpload.ashx`: archives in chunks, and restores of them.

use serde_json::{Value, json};

use super::portal::{ADMIN, OPERATOR, files, of_file, portal, post, rows, succeeded};
use super::support::server::Client;

const AT: &str = "/api/2.0/backup/backupFileUpload.ashx";

fn init(client: &Client, size: usize, extension: &str) -> Value {
    client.poke(&format!("{AT}?Init=true&totalSize={size}&extension={extension}")).expect(200).json()
}

fn send(client: &Client, bytes: &[u8]) -> Value {
    let mut body = b"--line\r\nContent-Disposition: form-data; name=\"file\"; filename=\"blob\"\r\n\
        Content-Type: application/octet-stream\r\n\r\n"
        .to_vec();
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n--line--\r\n");
    let sort = [("content-type", "multipart/form-data; boundary=line")];
    client.request(reqwest::Method::POST, "/backupFileUpload.ashx", &sort, body).expect(200).json()
}

#[test]
fn archives_come_in_chunks_and_are_restored() {
    let server = portal(100_000);
    let admin = server.bearer(ADMIN);
    let archive = std::fs::read(server.sandbox.path("backups/small.tar")).expect("an archive");
    assert_eq!(send(&admin, b"x")["Success"], false, "nothing was begun");
    let begun = init(&admin, archive.len(), "tar");
    assert_eq!((&begun["Success"], &begun["EndUpload"]), (&json!(true), &json!(false)));
    let chunk = usize::try_from(begun["ChunkSize"].as_u64().expect("a size")).expect("a size");
    assert!(begun.get("Message").is_none());
    let nothing = json!({"backupId": "", "storageType": 3, "storageParams": [{"key": "filePath", "value": ""}]});
    super::portal::refused(admin.post(&super::portal::path("startrestore"), &nothing), 400);
    let piece = (archive.len() / 3 + 1).min(chunk);
    let pieces: Vec<&[u8]> = archive.chunks(piece).collect();
    for (number, piece) in pieces.iter().enumerate() {
        let answer = send(&admin, piece);
        let last = number + 1 == pieces.len();
        assert_eq!((&answer["Success"], &answer["EndUpload"]), (&json!(true), &json!(last)), "{answer}");
    }
    assert_eq!(send(&admin, b"x")["Success"], false, "it is whole");
    // What is said decides; where nothing is there, what was uploaded.
    let theirs = ["/backups/not-there.tar", "good.tar", "C:\\backups\\good.tar"].map(of_file);
    for body in [&[nothing.clone()][..], &theirs].concat() {
        post(&admin, "startrestore", &body);
        succeeded(&admin, "getrestoreprogress");
        assert_eq!(rows(&server.sandbox, "people"), "Integer(100000)");
        server.sandbox.sql("live.sqlite", "DELETE FROM people");
    }
    let path = super::portal::get(&admin, "backuptmp");
    let folder = std::path::Path::new(path.as_str().expect("a path")).to_owned();
    assert_eq!(files(&folder, ".tar"), 1);
    // Another one takes its place.
    assert_eq!(init(&admin, 10, "tar.gz")["Success"], true);
    assert_eq!((files(&folder, ".tar"), files(&folder, ".tar.gz")), (0, 1));
    super::portal::refused(admin.post(&super::portal::path("startrestore"), &nothing), 400);
    assert_eq!(send(&admin, &[0; 11])["Success"], false, "more than was said");
    assert_eq!(send(&admin, &[0; 4])["EndUpload"], false);
    assert_eq!(send(&admin, &[0; 6])["EndUpload"], true);
}

#[test]
fn what_is_no_upload_is_refused() {
    let server = portal(1);
    let admin = server.bearer(ADMIN);
    for (query, said) in [
        ("Init=true", "totalSize"),
        ("Init=true&totalSize=0", "totalSize"),
        ("Init=true&totalSize=-5", "totalSize"),
        ("init=TRUE&totalsize=99999999999999999", "at most"),
        ("Init=maybe", "Init"),
        ("", "multipart"),
    ] {
        let answer = admin.poke(&format!("{AT}?{query}")).expect(200).json();
        let message = answer["Message"].as_str().unwrap_or_default();
        assert!(answer["Success"] == false && message.contains(said), "{query}: {answer}");
    }
    assert_eq!(init(&admin, 100 << 20, "../../x")["Success"], true);
    let chunk = usize::try_from(init(&admin, 100 << 20, "tar")["ChunkSize"].as_u64().expect("a size")).expect("a size");
    assert!(send(&admin, &vec![0; chunk + 1])["Message"].as_str().is_some_and(|said| said.contains("at most")));
    assert_eq!(send(&admin, &vec![0; chunk])["Success"], true);
    assert_eq!(server.nobody().poke(AT).expect(401).json()["Success"], false);
    assert_eq!(server.bearer(OPERATOR).poke(AT).expect(403).json()["Success"], false);
}
