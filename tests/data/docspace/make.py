#!/usr/bin/env python3
"""Writes the DocSpace fixtures: portal.tar.gz, dump.tar.gz, damaged.tar.gz and golden.json.

A portal backup holds one table an entry, as the XML that .NET's DataTable writes with its schema; a dump of a whole server
holds MySQL text. Both are made of the rows below, and golden.json of the same rows by this script alone. Run it in
its folder; it needs nothing but Python 3.
"""
import base64
import gzip
import hashlib
import io
import json
import re
import struct
import tarfile
from xml.sax.saxutils import escape

WHEN = 1767225600  # 2026-01-01T00:00:00Z, the time of every entry

ANN, BOB, ZOE, OLD, BOT = ("%08x-1111-4222-8333-%012x" % (n, n) for n in (0xA11, 0xB0B, 0x20E, 0x01D, 0xB07))
FAR = "00000fa4-1111-4222-8333-000000000fa4"  # of the dump's second tenant
DESIGN, EMPTY = "de516000-1111-4222-8333-000000000001", "e1117000-1111-4222-8333-000000000002"
ADMIN = "cd84e66b-b803-40fc-99f9-b2969a54a1de"  # built in: has no row of its own
NOBODY = "00000000-0000-0000-0000-000000000000"
PNG = bytes.fromhex("89504e470d0a1a0a") + bytes(range(256))
LONG = "".join("Zeile %d – 文字列 \U0001f600 <&>\"'\\ %%\n" % n for n in range(2500))

# A column: name, type (see TYPES), whether it may be NULL.
TYPES = {  # the word below: (MySQL's, XML schema's)
    "int": ("int NOT NULL", "int"), "int?": ("int DEFAULT NULL", "int"), "serial": ("int NOT NULL AUTO_INCREMENT", "int"),
    "bigint": ("bigint NOT NULL DEFAULT '0'", "long"), "uint": ("int unsigned NOT NULL DEFAULT '0'", "unsignedInt"),
    "bool": ("tinyint(1) NOT NULL DEFAULT '0'", "boolean"), "bool?": ("tinyint(1) DEFAULT NULL", "boolean"),
    "id": ("varchar(38) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL", "string"),
    "id?": ("char(38) DEFAULT NULL", "string"),
    "key": ("varchar(128) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL DEFAULT ''", "string"),
    "name": ("varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL", "string"),
    "text?": ("mediumtext CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci", "string"),
    "name?": ("varchar(400) COLLATE utf8mb4_0900_ai_ci DEFAULT NULL COMMENT 'it''s a \\'comment\\', with (brackets)'", "string"),
    "when": ("datetime NOT NULL", "dateTime"), "when?": ("datetime DEFAULT NULL", "dateTime"),
    "stamp": ("timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP", "dateTime"),
    "exact?": ("datetime(6) DEFAULT NULL", "dateTime"),
    "price": ("decimal(10,2) NOT NULL DEFAULT '0.00'", "decimal"), "score?": ("double DEFAULT NULL", "double"),
    "blob": ("mediumblob NOT NULL", "base64Binary"), "blob?": ("mediumblob", "base64Binary"),
}

T0 = "2025-12-31 23:59:59"
T1 = "2024-02-29 12:00:00"
ZERO = "0001-01-01 00:00:00"


def user(tenant, guid, username, email, status=1, removed=False, title=None, notes=None, spam=None):
    first, last = (username.split(".") + ["", ""])[:2]
    return [tenant, guid, username, first.title(), last.title(), None, None, status, 1 if email else 0, email, None,
            "2025-06-01 00:00:00" if removed else None, title, "de-DE" if username.startswith("zo") else None, None, None, 0,
            None, notes, None, removed, "2021-03-04 05:06:07", T0, None, spam]


def files():
    rows = []
    for n in range(1, 41):
        title = {1: "Größe & <Maß>.docx", 2: "年度報告書.xlsx", 3: "  two  spaces.txt", 4: "emoji \U0001f680.pptx"}.get(n, "File %d.docx" % n)
        changes = LONG if n == 5 else ("" if n == 6 else None)
        rows.append([n, 1 + n % 3, 1, 1, n % 3 == 0, 2 + n % 4, title, 1 << (n % 40), n % 2, 7, [ANN, BOB, ZOE][n % 3], T1, ANN, T0,
                     ".docx" if n % 5 == 0 else None, "line 1\nline 2\ttab" if n == 7 else None, changes, n == 8, 0, n % 2])
    return rows


# Every table: folder, columns, primary key, further keys as MySQL writes them, rows.
TABLES = {
    "tenants_quota": ("core", [("tenant", "int"), ("name", "key"), ("description", "name?"), ("features", "text?"), ("price", "price"),
                               ("product_id", "key"), ("visible", "bool")], ["tenant"], [],
                      [[-3, "startup", None, "free,oauth,file_size:5120,total_size:2147483648,manager:3,room:12", "0.00", "", False],
                       [1, "default", "the portal's own", "audit,ldap,sso,manager:1", "12345678.90", "1002", True]]),
    "tenants_tenants": ("core", [("id", "serial"), ("name", "name"), ("alias", "key"), ("mappeddomain", "name?"), ("version", "int"),
                                 ("version_changed", "when?"), ("language", "key"), ("timezone", "name?"), ("trusteddomains", "text?"),
                                 ("trusteddomainsenabled", "int"), ("status", "int"), ("statuschanged", "when?"), ("creationdatetime", "when"),
                                 ("owner_id", "id?"), ("industry", "int?"), ("last_modified", "stamp"), ("calls", "bool")], ["id"],
                        ["UNIQUE KEY `alias` (`alias`)", "KEY `version` (`version`)"],
                        [[1, "Grün & Söhne", "gruen", None, 2, None, "de-DE", "Europe/Berlin", "example.com|example.org", 1, 0, None,
                          "2021-03-04 05:06:07", ANN, 0, T0, True]]),
    "core_user": ("core", [("tenant", "int"), ("id", "id"), ("username", "name"), ("firstname", "name"), ("lastname", "name"), ("sex", "bool?"),
                           ("bithdate", "when?"), ("status", "int"), ("activation_status", "int"), ("email", "name?"), ("workfromdate", "when?"),
                           ("terminateddate", "when?"), ("title", "name?"), ("culture", "name?"), ("contacts", "text?"), ("phone", "name?"),
                           ("phone_activation", "int"), ("location", "name?"), ("notes", "name?"), ("sid", "name?"), ("removed", "bool"),
                           ("create_on", "stamp"), ("last_modified", "when"), ("created_by", "id?"), ("spam", "bool?")], ["id"],
                  ["KEY `email` (`email`)", "KEY `last_modified` (`last_modified`)", "KEY `username` (`tenant`,`username`)"],
                  [user(1, ANN, "ann.gruen", "ann@example.com", title="Geschäftsführerin"),
                   user(1, BOB, "bob", "bob@example.com", notes="it's \"quoted\", back\\slash; and a\nline"),
                   user(1, ZOE, "zoë.o'hara", "zoë@example.com", spam=False),
                   user(1, OLD, "bob", "bob@example.com", status=2, removed=True),
                   user(1, BOT, "bot", None, status=1)]),
    "core_group": ("core", [("tenant", "int"), ("id", "id"), ("name", "name"), ("categoryid", "id?"), ("parentid", "id?"), ("sid", "name?"),
                            ("removed", "bool"), ("last_modified", "stamp")], ["id"], ["KEY `last_modified` (`tenant`,`last_modified`)"],
                   [[1, DESIGN, "Design & Ähnliches", None, None, None, False, T0], [1, EMPTY, "Nobody here", None, None, "S-1-5-21", False, T1]]),
    "core_usergroup": ("core", [("tenant", "int"), ("userid", "id"), ("groupid", "id"), ("ref_type", "int"), ("removed", "bool"),
                                ("last_modified", "stamp")], ["tenant", "userid", "groupid", "ref_type"], [],
                       [[1, ANN, ADMIN, 0, False, T0], [1, ANN, DESIGN, 1, False, T0], [1, BOB, DESIGN, 0, False, T0],
                        [1, ZOE, DESIGN, 0, True, T0]]),
    "core_acl": ("core", [("tenant", "int"), ("subject", "id"), ("action", "id"), ("object", "key"), ("acetype", "int")],
                 ["tenant", "subject", "action", "object"], [],
                 [[1, ADMIN, "ef5e6790-f346-4b6e-b662-722bc28cb0db", "", 0], [1, DESIGN, "fbc37705-f04c-40ad-a68c-ce2f0423f397", "folder|7", 0],
                  [1, BOB, "fbc37705-f04c-40ad-a68c-ce2f0423f397", "", 1]]),
    "core_settings": ("core", [("tenant", "int"), ("id", "key"), ("value", "blob"), ("last_modified", "stamp")], ["tenant", "id"], [],
                      [[1, "CompanyWhiteLabelSettings", b"\xf5\x46\xa8\x00\x01\xfe\xff'\\\"", T0], [1, "SmtpSettings", PNG * 4, T0]]),
    "core_userphoto": ("core", [("tenant", "int"), ("userid", "id"), ("photo", "blob?")], ["userid"], ["KEY `tenant` (`tenant`)"],
                       [[1, ANN, PNG], [1, BOB, None]]),
    "core_usersecurity": ("core", [("tenant", "int"), ("userid", "id"), ("pwdhash", "name?"), ("LastModified", "when?")], ["userid"], [],
                          [[1, ANN, "bm90IGEgcmVhbCBoYXNo", T0], [1, BOB, None, None]]),
    "core_subscription": ("core", [("tenant", "int"), ("source", "id"), ("action", "key"), ("recipient", "id"), ("object", "key"),
                                   ("unsubscribed", "bool")], ["tenant", "source", "action", "recipient", "object"], [], []),
    "audit_events": ("core", [("id", "serial"), ("initiator", "name?"), ("target", "text?"), ("ip", "name?"), ("date", "when"), ("tenant_id", "int"),
                              ("user_id", "id?"), ("action", "int?"), ("description", "text?"), ("happened", "exact?"), ("score", "score?")],
                     ["id"], ["KEY `date` (`tenant_id`,`date` DESC)"],
                     [[n, None if n % 7 else "Ann", None, "2001:db8::%x" % n, "2025-11-%02d 10:%02d:00" % (1 + n % 30, n % 60), 1,
                       ANN if n % 2 else NOBODY, 5000 + n, json.dumps(["File %d" % n, "ü", None]),
                       "2025-11-01 10:00:00.%06d" % (n * 1009) if n % 3 else None, [None, 0.5, -1.25, 1e20][n % 4]] for n in range(1, 301)]),
    "files_folder": ("files", [("id", "serial"), ("parent_id", "int"), ("title", "name"), ("folder_type", "int"), ("create_by", "id"),
                               ("create_on", "when"), ("modified_by", "id"), ("modified_on", "when"), ("tenant_id", "int"), ("foldersCount", "int"),
                               ("filesCount", "int"), ("counter", "bigint")], ["id"],
                     ["KEY `modified_on` (`modified_on`)", "KEY `parent_id` (`tenant_id`,`parent_id`)"],
                     [[n, n // 2, ["My documents", "Общие", "ルーム", "Trash", "a/b\\c"][n - 1], [5, 1, 19, 3, 0][n - 1], ANN, T1, BOB, T0, 1, 1, 8,
                       n * 5_000_000_000] for n in range(1, 6)]),
    "files_folder_tree": ("files", [("folder_id", "int"), ("parent_id", "int"), ("level", "int")], ["parent_id", "folder_id"],
                          ["KEY `folder_id` (`folder_id`)", "CONSTRAINT `FK_tree_folder` FOREIGN KEY (`folder_id`) REFERENCES `files_folder` (`id`) ON DELETE CASCADE"],
                          [[1, 1, 0], [2, 2, 0], [2, 1, 1], [3, 3, 0], [3, 1, 1], [4, 4, 0], [5, 5, 0]]),
    "files_file": ("files", [("id", "int"), ("version", "int"), ("tenant_id", "int"), ("version_group", "int"), ("current_version", "bool"),
                             ("folder_id", "int"), ("title", "name"), ("content_length", "bigint"), ("file_status", "int"), ("category", "int"),
                             ("create_by", "id"), ("create_on", "when"), ("modified_by", "id"), ("modified_on", "when"), ("converted_type", "name?"),
                             ("comment", "name?"), ("changes", "text?"), ("encrypted", "bool"), ("forcesave", "int"), ("thumb", "uint")],
                   ["tenant_id", "id", "version"],
                   ["KEY `folder_id` (`folder_id`)", "KEY `title` (`title`(40))", "FULLTEXT KEY `changes` (`changes`)"], files()),
    "files_tag": ("files2", [("id", "serial"), ("tenant_id", "int"), ("name", "name"), ("owner", "id"), ("flag", "int")], ["id"],
                  ["KEY `name` (`tenant_id`,`owner`,`name`,`flag`)"], [[1, 1, "wichtig", ANN, 1], [2, 1, "", BOB, 2]]),
    "files_tag_link": ("files2", [("tenant_id", "int"), ("tag_id", "int"), ("entry_type", "int"), ("entry_id", "key"), ("create_by", "id?"),
                                  ("create_on", "when?"), ("tag_count", "int")], ["tenant_id", "tag_id", "entry_id", "entry_type"], [],
                       [[1, 1, 2, "5", ANN, T1, 0], [1, 2, 1, "sbox-1-|x", None, None, 3]]),
    "webstudio_settings": ("webstudio", [("TenantID", "int"), ("ID", "key"), ("UserID", "key"), ("Data", "text?"), ("LastModified", "stamp")],
                           ["TenantID", "ID", "UserID"], ["KEY `ID` (`ID`)"],
                           [[1, "9a925891-1f92-4ed7-b277-d6f649739f06", NOBODY, json.dumps({"DefaultModule": "documents", "note": "ä\\n"}), T0],
                            [1, "c3602052-5ba2-452a-bd2a-add0faf8eb32", ANN, " ", ZERO]]),
    "ai_chats": ("ai", [("id", "int"), ("last message", "text?"), ("größe", "int?"), ("2nd", "name?")], ["id"], [],
                 [[1, "\r\n kept \r\n", 7, ""], [2, "tabs\tand \x1a", None, None]]),
}

# Rows that the whole server's dump has beside the first portal's.
FAR_ROWS = {
    "tenants_tenants": [[2, "Zweites", "zwei", "zwei.example.com", 2, T1, "en-US", None, None, 0, 1, T1, ZERO, None, None, T0, False]],
    "core_user": [user(2, FAR, "ann.gruen", "ann@example.com")],
    "files_file": [[1000 + n, 1, 2, 1, True, 9, "bulk %d" % n, n, 0, 0, FAR, T1, FAR, T1, None, None, None, False, 0, 0] for n in range(6000)],
}

FILES = [  # module, domain, path, content
    ("files", "", "folder_1000/file_1/v1/content.docx", b"PK\x03\x04" + bytes(3000)),
    ("files", "", "folder_1000/file_2/v2/content.xlsx", PNG * 300),
    ("files", "", "folder_1000/file_2/v2/Änderung 1.txt", "Größe".encode()),
    ("files", "files_template", "folder_0/empty.docx", b""),
    ("logo", "", "whitelabel.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    ("room_logos", "", "3/logo_size_large.png", PNG),
]
MISSING = ("files", "", "folder_1000/file_9/v1/content.docx")


def xml_name(name):
    """XmlConvert.EncodeLocalName, as far as these names need it."""
    first = re.sub(r"^([^A-Za-z_\u00c0-\uffff])", lambda m: "_x%04X_" % ord(m.group(1)), name)
    return re.sub(r"[^A-Za-z0-9_.\-\u00c0-\uffff]", lambda m: "_x%04X_" % ord(m.group()), first)


def xml_value(value, kind):
    kind = TYPES[kind][1]
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "base64Binary":
        return base64.b64encode(value).decode()
    if kind == "dateTime":
        return value.replace(" ", "T").rstrip("0").rstrip(".") if "." in value else value.replace(" ", "T")
    if kind == "double":
        return "1E+20" if value == 1e20 else repr(value)
    text = escape(str(value)).replace("\r", "&#xD;")
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f]", lambda m: "&#x%X;" % ord(m.group()), text)


def xml_table(name, columns, key, rows):
    out = io.StringIO()
    write = lambda depth, text: out.write("  " * depth + text + "\r\n")
    write(0, '<?xml version="1.0" standalone="yes"?>')
    write(0, "<NewDataSet>")
    write(1, '<xs:schema id="NewDataSet" xmlns="" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:msdata="urn:schemas-microsoft-com:xml-msdata">')
    write(2, '<xs:element name="NewDataSet" msdata:IsDataSet="true" msdata:MainDataTable="%s" msdata:UseCurrentLocale="true">' % name)
    write(3, "<xs:complexType>")
    write(4, '<xs:choice minOccurs="0" maxOccurs="unbounded">')
    write(5, '<xs:element name="%s">' % name)
    write(6, "<xs:complexType>")
    write(7, "<xs:sequence>")
    for column, kind in columns:
        mode = ' msdata:DateTimeMode="Unspecified"' if TYPES[kind][1] == "dateTime" else ""
        if kind == "key":
            write(8, '<xs:element name="%s" minOccurs="0">' % xml_name(column))
            for line in ("<xs:simpleType>", '  <xs:restriction base="xs:string">', '    <xs:maxLength value="128" />', "  </xs:restriction>", "</xs:simpleType>"):
                write(9, line)
            write(8, "</xs:element>")
        else:
            write(8, '<xs:element name="%s"%s type="xs:%s" minOccurs="0" />' % (xml_name(column), mode, TYPES[kind][1]))
    for depth, tag in ((7, "sequence"), (6, "complexType"), (5, "element"), (4, "choice"), (3, "complexType"), (2, "element"), (1, "schema")):
        write(depth, "</xs:%s>" % tag)
    for row in rows:
        write(1, "<%s>" % name)
        for (column, kind), value in zip(columns, row):
            if value is None:
                continue
            tag = xml_name(column)
            if value == "" or value == b"":
                write(2, "<%s />" % tag)
            else:
                space = ' xml:space="preserve"' if isinstance(value, str) and not value.strip() else ""
                write(2, "<%s%s>%s</%s>" % (tag, space, xml_value(value, kind), tag))
        write(1, "</%s>" % name)
    out.write("</NewDataSet>")
    return out.getvalue().encode()


def sql_value(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, (int, float)):
        return "1E+20" if value == 1e20 else repr(value)
    for raw, escaped in (("\\", "\\\\"), ("'", "\\'"), ("\r", "\\r"), ("\n", "\\n"), ("\t", "\\t"), ("\x1a", "\\Z")):
        value = value.replace(raw, escaped)
    return "'%s'" % value


def sql_scheme(name, columns, key, keys, rows):
    lines = ["  `%s` %s" % (column, TYPES[kind][0]) for column, kind in columns]
    lines.append("  PRIMARY KEY (%s)" % ",".join("`%s`" % column for column in key))
    lines += ["  " + line for line in keys]
    numbered = " AUTO_INCREMENT=%d" % (max(row[0] for row in rows) + 1) if columns[0][1] == "serial" and rows else ""
    return ("DROP TABLE IF EXISTS `%s`;\nCREATE TABLE `%s` (\n%s\n) ENGINE=InnoDB%s DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci;"
            % (name, name, ",\n".join(lines), numbered)).encode()


def sql_data(name, columns, rows):
    out = []
    for start in range(0, len(rows), 5000):
        batch = rows[start:start + 5000]
        out.append("REPLACE INTO `%s` (%s) VALUES \n" % (name, ",".join("`%s`" % column for column, _ in columns)))
        for at, row in enumerate(batch):
            values = [str(value) if kind == "price" else sql_value(value) for (_, kind), value in zip(columns, row)]
            out.append("(%s)%s\n" % (",".join(values), ";" if at == len(batch) - 1 else ","))
    return "".join(out).encode()


def info(root, tenant, files, error=False):
    out = ['<?xml version="1.0" encoding="utf-8"?>', "<%s>" % root]
    for module, domain, path in files:
        out += ["  <file>", "    <domain>%s</domain>" % domain if domain else "    <domain />", "    <module>%s</module>" % module,
                "    <path>%s</path>" % escape(path), "    <tenant>%d</tenant>" % tenant]
        out += ["    <error>Could not find a part of the path.</error>"] if error else []
        out += ["  </file>"]
    return ("\ufeff" + "\r\n".join(out + ["</%s>" % root])).encode()


def canonical(value, kind):
    """A value as the tests read it back from any target."""
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    kind = TYPES[kind][1]
    if kind == "double":
        return struct.pack(">d", value).hex()
    if kind in ("dateTime", "decimal"):
        return value.rstrip("0").rstrip(".") if "." in value else value
    return str(value)


def digest(columns, rows):
    lines = sorted("\x1f".join(canonical(value, kind) for (_, kind), value in zip(columns, row)).encode() for row in rows)
    return hashlib.sha256(b"\x1e".join(lines)).hexdigest()


def tar_gz(path, entries):
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in entries:
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = len(content), WHEN, 0o644
            tar.addfile(member, io.BytesIO(content))
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0, compresslevel=9) as out:
        out.write(plain.getvalue())
    with open(path, "wb") as out:
        out.write(packed.getvalue())
    return packed.getvalue()


def stored(prefix):
    return [(prefix + "/".join(part for part in (module, domain, path) if part), content) for module, domain, path, content in FILES]


def golden(rows_of, files):
    tables = {name: {"rows": len(rows_of(name)), "columns": [column for column, _ in columns], "types": [TYPES[kind][1] for _, kind in columns],
                     "sha256": digest(columns, rows_of(name))}
              for name, (_, columns, *_) in TABLES.items()}
    return {"tables": tables, "files": {path: hashlib.sha256(content).hexdigest() for path, content in files}}


def main():
    listed = [(module, domain, path) for module, domain, path, _ in FILES]
    portal = [("databases/%s/%s" % (folder, name), xml_table(name, columns, key, rows))
              for name, (folder, columns, key, _, rows) in TABLES.items()]
    portal += stored("")
    portal += [("storage/restore_info", info("storage_restore", 1, listed + [MISSING])),
               ("storage/missing_info", info("storage_restore", 1, [MISSING], error=True))]
    packed = tar_gz("portal.tar.gz", portal)
    with open("damaged.tar.gz", "wb") as out:
        out.write(packed[:len(packed) * 2 // 3])

    all_rows = lambda name: TABLES[name][4] + FAR_ROWS.get(name, [])
    dump = [("dump", b"True")]
    for name, (_, columns, key, keys, _) in TABLES.items():
        dump.append(("databases/scheme/" + name, sql_scheme(name, columns, key, keys, all_rows(name))))
        if all_rows(name):
            dump.append(("databases/data/" + name, sql_data(name, columns, all_rows(name))))
    dump += stored("storage/")
    dump += [("storage/restore_info", info("storage_restore", 1, listed))]
    tar_gz("dump.tar.gz", dump)

    people = {"ann@example.com": [], "bob@example.com": [], "zoë@example.com": [], "bot": [], "bob@example.com (%s)" % OLD: []}
    people["ann@example.com"] = ["DocSpace administrators", "Design & Ähnliches"]
    people["bob@example.com"] = ["Design & Ähnliches"]
    roles = ["Design & Ähnliches", "DocSpace administrators", "Nobody here"]
    portal_golden = golden(lambda name: TABLES[name][4], stored(""))
    portal_golden.update(users=people, roles=roles, missing=["/".join(MISSING[::2])])
    dump_golden = golden(all_rows, stored(""))
    dump_golden.update(users=dict(people, **{"ann@example.com (%s)" % FAR: []}), roles=roles, missing=[])
    with open("golden.json", "w", encoding="utf-8") as out:
        json.dump({"portal": portal_golden, "dump": dump_golden}, out, ensure_ascii=False, indent=1, sort_keys=True)
        out.write("\n")


if __name__ == "__main__":
    main()
