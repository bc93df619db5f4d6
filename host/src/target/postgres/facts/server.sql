-- What a server says of itself, of who we are and of the database, in rows that begin with what they are; see `server.rs`.

BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL search_path = '';
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
SET LOCAL DateStyle = 'ISO, YMD';

SELECT 'server', current_setting('server_version_num'), current_setting('server_version'), current_user, session_user,
       pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool,
       (SELECT setting FROM pg_settings WHERE name = 'data_directory'),
       CASE WHEN current_setting('synchronous_standby_names') <> '' THEN current_setting('synchronous_standby_names') END,
       current_setting('max_connections')::int8 - current_setting('superuser_reserved_connections')::int8
         - COALESCE(current_setting('reserved_connections', true), '0')::int8
         - (SELECT COALESCE(sum(pg_stat_get_db_numbackends(oid)), 0) FROM pg_database),
       r.rolsuper OR r.rolcreatedb,
       CASE WHEN r.rolconnlimit >= 0 AND NOT r.rolsuper
            THEN r.rolconnlimit - (SELECT count(*) FROM pg_stat_activity WHERE usesysid = r.oid) END,
       -- Whose our bookkeeping is, when it is not ours.
       (SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace n WHERE n.nspname = 'reinstate' AND NOT pg_has_role(n.nspowner, 'USAGE'))
FROM pg_roles r
WHERE r.rolname = current_user;

SELECT 'database', pg_encoding_to_char(d.encoding), has_database_privilege(d.oid, 'CREATE'), pg_has_role(d.datdba, 'USAGE'),
       pg_get_userbyid(d.datdba), d.datistemplate, NULLIF(pg_tablespace_location(d.dattablespace), ''),
       CASE WHEN d.datconnlimit >= 0 THEN d.datconnlimit - pg_stat_get_db_numbackends(d.oid) END
FROM pg_database d WHERE d.datname = current_database();

-- A role that we may alter, and so rename: superusers alter all, others need CREATEROLE and, from 16 on, the role given to them to administer.
SELECT 'role', r.oid, r.rolname, r.rolcanlogin, pg_has_role(r.oid, 'USAGE'),
       m.rolsuper OR (m.rolcreaterole AND NOT r.rolsuper AND (
           current_setting('server_version_num')::int < 160000 OR pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION'))),
       -- It has no power over the whole server that we lack, nor is it a member of a role that has.
       NOT r.rolsuper AND NOT EXISTS (
         SELECT FROM pg_roles x WHERE pg_has_role(r.oid, x.oid, 'MEMBER') AND (
           x.rolsuper OR x.rolbypassrls AND NOT m.rolbypassrls OR x.rolcreaterole AND NOT m.rolcreaterole
           OR x.rolreplication AND NOT m.rolreplication OR x.rolcreatedb AND NOT (m.rolcreatedb OR m.rolsuper)
           OR x.rolname LIKE 'pg\_%' AND NOT (pg_has_role(m.oid, x.oid, 'MEMBER') AND NOT m.rolsuper))),
       hashtextextended(ROW(r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication,
                            r.rolbypassrls, r.rolconnlimit, r.rolvaliduntil, r.rolconfig)::text, COALESCE(g.mark, 0))
FROM pg_roles r
  JOIN pg_roles m ON m.rolname = current_user
  LEFT JOIN (SELECT member, (sum(hashtextextended(ROW(roleid, admin_option)::text, 0)) % 9223372036854775807)::int8 AS mark
             FROM pg_auth_members GROUP BY member) g ON g.member = r.oid;

SELECT 'available', 'extension:' || name FROM pg_available_extensions;
SELECT 'available', 'language:' || lanname FROM pg_language;

-- Standbys; base backups and readers of logical changes are none.
SELECT 'standby', COALESCE(NULLIF(s.application_name, ''), s.client_addr::text, s.pid::text), s.state, s.sync_state IN ('sync', 'quorum')
FROM pg_stat_replication s
WHERE s.state IS NOT NULL AND s.state <> 'backup'
  AND NOT EXISTS (SELECT FROM pg_replication_slots l WHERE l.active_pid = s.pid AND l.slot_type = 'logical');
SELECT 'slot', slot_name FROM pg_replication_slots
WHERE slot_type = 'physical' AND NOT active AND NOT temporary AND restart_lsn IS NOT NULL;

SELECT 'beside', datname FROM pg_database WHERE datname LIKE '%\_reinstate\_%';
