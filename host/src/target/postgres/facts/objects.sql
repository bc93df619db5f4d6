-- Everything that is in a database, in rows that begin with what they are; run in one snapshot, with an empty search path.
--
--   schema      oid, name, owner, whether we may create in it, mark
--   extended    class, oid: belongs to an extension, or was made with a type (what makes ranges of their ends, say)
--   object      class, oid, kind, oid of the schema, name, owner, mark, class and oid of what it is a part of
--   component   class, oid of the object, mark: a piece of its definition
--   dependency  class, oid, class and oid of what it depends on
--
-- A mark changes when the definition changes. It is made of catalogue rows, not of deparsed text, which is slow; columns that change by
-- themselves (statistics, transaction ids, file numbers) and privileges are left out. 11 and 99 are pg_catalog and pg_toast;
-- object ids from 16384 on are those of users.

SELECT 'schema', n.oid, n.nspname, n.nspowner, has_schema_privilege(n.oid, 'CREATE'),
       hashtextextended(ROW(n.nspname, n.nspowner)::text, 0)
FROM pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND n.nspname !~ '^reinstate(_(stage|kept)_r-.*)?$';

SELECT 'extended', classid, objid FROM pg_depend
WHERE deptype = 'e' OR (deptype = 'i' AND classid IN ('pg_proc'::regclass, 'pg_cast'::regclass));

-- Partitions, as attached to their tables and indexes: parts of themselves, since they come and go with them.
SELECT 'object', i.tableoid, c.oid,
       CASE WHEN c.relkind IN ('i', 'I') THEN 'index_attach' ELSE 'table_attach' END,
       c.relnamespace, c.relname, c.relowner, hashtextextended(i::text, 0), c.tableoid, c.oid
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE c.relispartition AND c.relnamespace NOT IN (11, 99);

-- Tables, views, sequences. A sequence that is an identity column's is the table's own.
SELECT 'object', c.tableoid, c.oid,
       CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized_view' WHEN 'S' THEN 'sequence'
                      WHEN 'f' THEN 'foreign_table' ELSE 'table' END,
       c.relnamespace, c.relname, c.relowner,
       hashtextextended(ROW(c.relname, c.relkind, c.relowner, c.relpersistence, c.reloptions, c.relam, c.reltablespace, c.reloftype,
                            c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.relpartbound)::text, 0), NULL, NULL
FROM pg_class c
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relnamespace NOT IN (11, 99) AND c.relpersistence <> 't'
  AND NOT (c.relkind = 'S' AND EXISTS (
        SELECT FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'i'));

-- Columns, of tables and of composite types.
SELECT 'component', CASE c.relkind WHEN 'c' THEN 'pg_type'::regclass ELSE 'pg_class'::regclass END::oid,
       CASE c.relkind WHEN 'c' THEN c.reltype ELSE c.oid END,
       sum(hashtextextended(ROW(a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attidentity, a.attgenerated, a.attcollation,
                                a.attstorage, a.attstattarget, a.attoptions, a.attfdwoptions)::text, 0))
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND c.relnamespace NOT IN (11, 99) AND a.attnum > 0 AND NOT a.attisdropped
GROUP BY c.oid, c.relkind, c.reltype;

SELECT 'component', 'pg_class'::regclass::oid, adrelid, sum(hashtextextended(ROW(adnum, adbin)::text, 0)) FROM pg_attrdef GROUP BY adrelid;
SELECT 'component', 'pg_class'::regclass::oid, seqrelid, hashtextextended(s::text, 0) FROM pg_sequence s;
SELECT 'component', 'pg_class'::regclass::oid, ftrelid, hashtextextended(f::text, 0) FROM pg_foreign_table f;
SELECT 'component', 'pg_class'::regclass::oid, partrelid, hashtextextended(p::text, 0) FROM pg_partitioned_table p;
SELECT 'component', 'pg_class'::regclass::oid, inhrelid, sum(hashtextextended(ROW(inhparent, inhseqno)::text, 0)) FROM pg_inherits GROUP BY inhrelid;
SELECT 'component', 'pg_class'::regclass::oid, ev_class, hashtextextended(ev_action::text, 0)
FROM pg_rewrite WHERE rulename = '_RETURN' AND oid >= 16384;

-- Parts of tables.
SELECT 'object', i.tableoid, i.indexrelid, 'index', c.relnamespace, c.relname, c.relowner,
       hashtextextended(ROW(c.relname, c.relam, c.reloptions, c.reltablespace, i.indisunique, i.indisclustered, i.indisvalid, i.indisreplident,
                            i.indkey, i.indcollation, i.indclass, i.indoption, i.indexprs, i.indpred)::text, 0), c.tableoid, i.indrelid
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace NOT IN (11, 99)
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'));

-- A check that holds for all rows is a piece of its table's or domain's definition, as in dumps.
SELECT 'component', CASE WHEN conrelid <> 0 THEN 'pg_class'::regclass ELSE 'pg_type'::regclass END::oid, conrelid::int8 + contypid::int8,
       sum(hashtextextended(ROW(conname, connoinherit, conbin)::text, 0))
FROM pg_constraint WHERE contype = 'c' AND convalidated AND oid >= 16384 GROUP BY conrelid, contypid;

SELECT 'object', k.tableoid, k.oid, CASE k.contype WHEN 'f' THEN 'foreign_key' WHEN 'c' THEN 'check_constraint' ELSE 'constraint' END,
       k.connamespace, COALESCE(c.relname, t.typname) || ' ' || k.conname, COALESCE(c.relowner, t.typowner),
       hashtextextended(ROW(k.conname, k.contype, k.condeferrable, k.condeferred, k.convalidated, k.confrelid, k.confupdtype, k.confdeltype,
                            k.confmatchtype, k.connoinherit, k.conkey, k.confkey, k.conexclop, k.conbin)::text, 0),
       COALESCE(c.tableoid, t.tableoid), COALESCE(c.oid, t.oid)
FROM pg_constraint k LEFT JOIN pg_class c ON c.oid = k.conrelid LEFT JOIN pg_type t ON t.oid = k.contypid
WHERE k.connamespace <> 11 AND (k.contype IN ('p', 'u', 'x') OR (k.contype = 'f' AND k.conparentid = 0) OR (k.contype = 'c' AND NOT k.convalidated))
  AND COALESCE(c.oid, t.oid) IS NOT NULL;

SELECT 'object', g.tableoid, g.oid, 'trigger', c.relnamespace, c.relname || ' ' || g.tgname, c.relowner,
       hashtextextended(ROW(g.tgname, g.tgfoid, g.tgtype, g.tgenabled, g.tgdeferrable, g.tginitdeferred, g.tgconstrrelid, g.tgattr, g.tgargs, g.tgqual,
                            g.tgoldtable, g.tgnewtable)::text, 0), c.tableoid, c.oid
FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
WHERE NOT g.tgisinternal AND c.relnamespace <> 11;

SELECT 'object', p.tableoid, p.oid, 'policy', c.relnamespace, c.relname || ' ' || p.polname, c.relowner,
       hashtextextended(ROW(p.polname, p.polcmd, p.polpermissive, p.polroles, p.polqual, p.polwithcheck)::text, 0), c.tableoid, c.oid
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid;

SELECT 'object', r.tableoid, r.oid, 'rule', c.relnamespace, c.relname || ' ' || r.rulename, c.relowner,
       hashtextextended(ROW(r.rulename, r.ev_type, r.ev_enabled, r.is_instead, r.ev_qual, r.ev_action)::text, 0), c.tableoid, c.oid
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
WHERE r.rulename <> '_RETURN' AND c.relnamespace NOT IN (11, 99);

SELECT 'object', s.tableoid, s.oid, 'statistics', s.stxnamespace, s.stxname, s.stxowner,
       hashtextextended(ROW(s.stxname, s.stxrelid, s.stxowner, s.stxkeys, s.stxkind)::text, 0), NULL, NULL
FROM pg_statistic_ext s;

-- Types: not those that come with tables, arrays and ranges.
SELECT 'object', t.tableoid, t.oid,
       CASE WHEN t.typtype = 'd' THEN 'domain' WHEN t.typisdefined THEN 'type' ELSE 'shell_type' END,
       t.typnamespace, t.typname, t.typowner,
       hashtextextended(ROW(t.typname, t.typowner, t.typtype, t.typlen, t.typalign, t.typstorage, t.typinput, t.typoutput, t.typnotnull, t.typbasetype,
                            t.typtypmod, t.typndims, t.typcollation, t.typdefaultbin, t.typdefault)::text, 0), NULL, NULL
FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typnamespace <> 11 AND t.typtype <> 'm' AND (t.typrelid = 0 OR c.relkind = 'c')
  AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid);
SELECT 'component', 'pg_type'::regclass::oid, enumtypid, sum(hashtextextended(ROW(enumsortorder, enumlabel)::text, 0)) FROM pg_enum GROUP BY enumtypid;
SELECT 'component', 'pg_type'::regclass::oid, rngtypid, hashtextextended(r::text, 0) FROM pg_range r WHERE rngtypid >= 16384;

SELECT 'object', p.tableoid, p.oid,
       CASE p.prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'stored_procedure' ELSE 'user_defined_function' END,
       p.pronamespace,
       p.proname || '(' || CASE WHEN p.prokind = 'a' AND p.pronargs = 0 THEN '*' ELSE (
           SELECT COALESCE(string_agg(format_type(a.type, NULL), ', ' ORDER BY a.place), '')
           FROM unnest(p.proargtypes) WITH ORDINALITY AS a (type, place)) END || ')',
       p.proowner,
       hashtextextended(ROW(p.proname, p.proowner, p.prolang, p.procost, p.prorows, p.provariadic, p.prosupport, p.prokind, p.prosecdef,
                            p.proleakproof, p.proisstrict, p.proretset, p.provolatile, p.proparallel, p.prorettype, p.proargtypes, p.proallargtypes,
                            p.proargmodes, p.proargnames, p.proargdefaults, p.protrftypes, p.prosrc, p.probin, p.proconfig)::text, 0), NULL, NULL
FROM pg_proc p
WHERE p.pronamespace <> 11;
SELECT 'component', 'pg_proc'::regclass::oid, aggfnoid::oid, hashtextextended(a::text, 0) FROM pg_aggregate a WHERE aggfnoid::oid >= 16384;

SELECT 'object', o.tableoid, o.oid, 'operator', o.oprnamespace, o.oprname, o.oprowner, hashtextextended(o::text, 0), NULL, NULL
FROM pg_operator o WHERE o.oprnamespace <> 11;
SELECT 'object', o.tableoid, o.oid, 'operator_class', o.opcnamespace, o.opcname, o.opcowner, hashtextextended(o::text, 0), NULL, NULL
FROM pg_opclass o WHERE o.opcnamespace <> 11;
SELECT 'object', o.tableoid, o.oid, 'operator_family', o.opfnamespace, o.opfname, o.opfowner, hashtextextended(o::text, 0), NULL, NULL
FROM pg_opfamily o WHERE o.opfnamespace <> 11;
SELECT 'component', 'pg_opfamily'::regclass::oid, amopfamily, sum(hashtextextended(a::text, 0)) FROM pg_amop a WHERE oid >= 16384 GROUP BY amopfamily;
SELECT 'component', 'pg_opfamily'::regclass::oid, amprocfamily, sum(hashtextextended(a::text, 0)) FROM pg_amproc a WHERE oid >= 16384 GROUP BY amprocfamily;
SELECT 'object', c.tableoid, c.oid, 'collation', c.collnamespace, c.collname, c.collowner, hashtextextended(c::text, 0), NULL, NULL
FROM pg_collation c WHERE c.collnamespace <> 11;
SELECT 'object', c.tableoid, c.oid, 'conversion', c.connamespace, c.conname, c.conowner, hashtextextended(c::text, 0), NULL, NULL
FROM pg_conversion c WHERE c.connamespace <> 11;
SELECT 'object', p.tableoid, p.oid, 'text_search_parser', p.prsnamespace, p.prsname, NULL, hashtextextended(p::text, 0), NULL, NULL
FROM pg_ts_parser p WHERE p.prsnamespace <> 11;
SELECT 'object', t.tableoid, t.oid, 'text_search_template', t.tmplnamespace, t.tmplname, NULL, hashtextextended(t::text, 0), NULL, NULL
FROM pg_ts_template t WHERE t.tmplnamespace <> 11;
SELECT 'object', d.tableoid, d.oid, 'text_search_dictionary', d.dictnamespace, d.dictname, d.dictowner, hashtextextended(d::text, 0), NULL, NULL
FROM pg_ts_dict d WHERE d.dictnamespace <> 11;
SELECT 'object', c.tableoid, c.oid, 'text_search_configuration', c.cfgnamespace, c.cfgname, c.cfgowner, hashtextextended(c::text, 0), NULL, NULL
FROM pg_ts_config c WHERE c.cfgnamespace <> 11;
SELECT 'component', 'pg_ts_config'::regclass::oid, mapcfg, sum(hashtextextended(m::text, 0)) FROM pg_ts_config_map m WHERE mapcfg >= 16384 GROUP BY mapcfg;

-- What is in no schema.
SELECT 'object', e.tableoid, e.oid, 'extension', NULL, e.extname, e.extowner, hashtextextended(ROW(e.extname, e.extversion, e.extnamespace)::text, 0), NULL, NULL
FROM pg_extension e;
SELECT 'object', l.tableoid, l.oid, 'procedural_language', NULL, l.lanname, l.lanowner,
       hashtextextended(ROW(l.lanname, l.lanpltrusted, l.lanplcallfoid, l.laninline, l.lanvalidator)::text, 0), NULL, NULL
FROM pg_language l WHERE l.lanispl;
SELECT 'object', a.tableoid, a.oid, 'access_method', NULL, a.amname, NULL, hashtextextended(a::text, 0), NULL, NULL FROM pg_am a WHERE a.oid >= 16384;
SELECT 'object', c.tableoid, c.oid, 'cast', NULL,
       'CAST (' || format_type(c.castsource, NULL) || ' AS ' || format_type(c.casttarget, NULL) || ')', NULL, hashtextextended(c::text, 0), NULL, NULL
FROM pg_cast c WHERE c.oid >= 16384;
SELECT 'object', t.tableoid, t.oid, 'transform', NULL,
       'TRANSFORM FOR ' || format_type(t.trftype, NULL) || ' LANGUAGE ' || l.lanname, NULL, hashtextextended(t::text, 0), NULL, NULL
FROM pg_transform t JOIN pg_language l ON l.oid = t.trflang;
SELECT 'object', e.tableoid, e.oid, 'event_trigger', NULL, e.evtname, e.evtowner, hashtextextended(e::text, 0), NULL, NULL FROM pg_event_trigger e;
SELECT 'object', p.tableoid, p.oid, 'publication', NULL, p.pubname, p.pubowner, hashtextextended(p::text, 0), NULL, NULL FROM pg_publication p;
SELECT 'object', r.tableoid, r.oid, 'publication_table', c.relnamespace, p.pubname || ' ' || c.relname, c.relowner, hashtextextended(r::text, 0), NULL, NULL
FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid JOIN pg_class c ON c.oid = r.prrelid;
SELECT 'object', 6100, row_number() OVER (), 'subscription', NULL, s.subname, s.subowner,
       hashtextextended(ROW(s.subname, s.subowner, s.subenabled, s.subpublications)::text, 0), NULL, NULL
FROM pg_subscription s WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database());
SELECT 'object', w.tableoid, w.oid, 'foreign_data_wrapper', NULL, w.fdwname, w.fdwowner,
       hashtextextended(ROW(w.fdwname, w.fdwhandler, w.fdwvalidator, w.fdwoptions)::text, 0), NULL, NULL
FROM pg_foreign_data_wrapper w;
SELECT 'object', s.tableoid, s.oid, 'server', NULL, s.srvname, s.srvowner,
       hashtextextended(ROW(s.srvname, s.srvfdw, s.srvtype, s.srvversion, s.srvoptions)::text, 0), NULL, NULL
FROM pg_foreign_server s;
SELECT 'object', 1418, u.umid, 'user_mapping', NULL, 'USER MAPPING ' || u.usename || ' SERVER ' || u.srvname, NULL,
       hashtextextended(ROW(u.usename, u.srvname, u.umoptions)::text, 0), NULL, NULL
FROM pg_user_mappings u;
SELECT 'object', d.tableoid, d.oid, 'default_privileges', NULLIF(d.defaclnamespace, 0), 'DEFAULT PRIVILEGES FOR ' || CASE d.defaclobjtype
           WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS'
           ELSE 'LARGE OBJECTS' END, d.defaclrole, hashtextextended(d::text, 0), NULL, NULL
FROM pg_default_acl d;
SELECT 'object', m.tableoid, m.oid, 'large_object', NULL, m.oid, m.lomowner, hashtextextended(m.lomowner::text, 0), NULL, NULL FROM pg_largeobject_metadata m;

-- Who depends on whom, as far as objects depend on other objects: views, foreign keys, defaults, bodies, column types, partitions.
SELECT DISTINCT 'dependency',
       CASE WHEN w.rulename = '_RETURN' OR f.oid IS NOT NULL THEN 'pg_class'::regclass WHEN k.oid IS NOT NULL THEN 'pg_type'::regclass
            WHEN x.oid IS NOT NULL THEN 'pg_constraint'::regclass WHEN i.indexrelid IS NOT NULL THEN 'pg_index'::regclass
            ELSE d.classid END::oid,
       COALESCE(CASE WHEN w.rulename = '_RETURN' THEN w.ev_class END, f.adrelid, k.reltype, x.oid, d.objid),
       CASE WHEN t.typrelid <> 0 AND r.relkind <> 'c' THEN 'pg_class'::regclass ELSE d.refclassid END::oid,
       CASE WHEN t.typrelid <> 0 AND r.relkind <> 'c' THEN t.typrelid ELSE COALESCE(e.oid, d.refobjid) END
FROM pg_depend d
  LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
  LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
  LEFT JOIN pg_class k ON d.classid = 'pg_class'::regclass AND k.oid = d.objid AND k.relkind = 'c'
  LEFT JOIN pg_index i ON d.classid = 'pg_class'::regclass AND i.indexrelid = d.objid
  LEFT JOIN pg_constraint x ON x.conindid = i.indexrelid AND x.contype IN ('p', 'u', 'x')
  LEFT JOIN pg_type a ON d.refclassid = 'pg_type'::regclass AND a.oid = d.refobjid
  LEFT JOIN pg_type e ON e.typarray = a.oid
  LEFT JOIN pg_type t ON t.oid = COALESCE(e.oid, a.oid)
  LEFT JOIN pg_class r ON r.oid = t.typrelid
WHERE d.refobjid >= 16384 AND d.refclassid <> 'pg_namespace'::regclass
  AND (d.deptype = 'n' OR (d.deptype = 'a' AND d.classid = 'pg_class'::regclass AND i.indexrelid IS NULL
       AND EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = d.objid AND h.inhparent = d.refobjid)));
