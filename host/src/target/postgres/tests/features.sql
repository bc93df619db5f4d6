-- What a database of one's own can have and an archive can carry.
CREATE ROLE feature_readers;
CREATE ROLE feature_writers CREATEDB;
CREATE ROLE feature_ann LOGIN PASSWORD 'secret' VALID UNTIL '2031-02-03 04:05:06+00' CONNECTION LIMIT 7;
ALTER ROLE feature_ann SET search_path TO "$user", "Odd schema", public;
ALTER ROLE feature_ann SET work_mem TO '8MB';
GRANT feature_readers TO feature_ann WITH ADMIN OPTION;
GRANT feature_ann TO feature_writers;

CREATE SCHEMA "Odd schema";
GRANT USAGE ON SCHEMA "Odd schema" TO feature_readers;

CREATE TYPE mood AS ENUM ('sad', 'it''s ok', 'happy; very');
CREATE TYPE pair AS (a integer, b text COLLATE "C");
CREATE DOMAIN "Odd schema".year AS integer DEFAULT 2000 CONSTRAINT sane CHECK (VALUE BETWEEN 1900 AND 2100);
CREATE TYPE span AS RANGE (SUBTYPE = date);
CREATE SEQUENCE shared AS bigint INCREMENT 5 MINVALUE -10 MAXVALUE 1000 START 5 CYCLE;
SELECT nextval('shared'), nextval('shared');

CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.touched = '2024-01-01'; RETURN NEW; END $$;
CREATE FUNCTION add(a integer, b integer DEFAULT 1) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
CREATE FUNCTION atomic(m mood) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT m::text; END;
REVOKE EXECUTE ON FUNCTION add(integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION add(integer, integer) TO feature_readers;
CREATE PROCEDURE nothing(INOUT x integer) LANGUAGE plpgsql AS $$ BEGIN x := x; END $$;
CREATE FUNCTION longest_step(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS
    'SELECT CASE WHEN length($2) > length(coalesce($1, '''')) THEN $2 ELSE $1 END';
CREATE AGGREGATE longest(text) (SFUNC = longest_step, STYPE = text, INITCOND = '', PARALLEL = SAFE);

CREATE TABLE parent (
    id serial PRIMARY KEY,
    code varchar(8) UNIQUE,
    always integer GENERATED ALWAYS AS IDENTITY (START WITH 100 INCREMENT BY 10),
    feeling mood DEFAULT 'happy; very',
    born "Odd schema".year,
    twice integer GENERATED ALWAYS AS (id * 2) STORED,
    label text COLLATE "C" DEFAULT E'tab\there',
    pairs pair,
    days span,
    next bigint DEFAULT nextval('shared'),
    touched timestamptz,
    CONSTRAINT positive CHECK (id > 0 AND label <> ';'),
    EXCLUDE USING gist (days WITH &&)
);
INSERT INTO parent (code, born, pairs, days)
    SELECT 'c' || n, 1990 + n, ROW(n, E'x\n' || n)::pair, span('2020-01-01'::date + n, '2020-01-02'::date + n)
    FROM generate_series(1, 20) n;
DELETE FROM parent WHERE id = 20;
CREATE UNIQUE INDEX parent_lower ON parent (lower(code) DESC) WHERE id > 5;
CREATE INDEX parent_brin ON parent USING brin (id);
CREATE TRIGGER touch BEFORE UPDATE ON parent FOR EACH ROW WHEN (NEW.id > 1) EXECUTE FUNCTION touched();
CREATE TRIGGER off AFTER INSERT ON parent FOR EACH ROW EXECUTE FUNCTION touched();
ALTER TABLE parent DISABLE TRIGGER off;
COMMENT ON TABLE parent IS 'it''s a parent';
COMMENT ON COLUMN parent.pairs IS 'a pair';
GRANT SELECT, UPDATE (label, "touched") ON parent TO feature_readers;
GRANT SELECT ON parent TO PUBLIC;

CREATE TABLE "Odd schema"."Child; table" (
    "The key" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent integer NOT NULL REFERENCES parent ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    code varchar(8) REFERENCES parent (code) MATCH FULL,
    self bigint REFERENCES "Odd schema"."Child; table",
    flag boolean, small smallint, real4 real, real8 double precision, exact numeric(12,4), raw bytea,
    day date, clock time, stamp timestamp, uid uuid, doc json, bin jsonb, letter "char", padded char(5), net inet, list text[]
);
INSERT INTO "Odd schema"."Child; table" (parent, self, flag, small, real4, real8, exact, raw, day, clock, stamp, uid, doc, bin, letter, padded, net, list)
    SELECT 1 + n % 19, NULLIF(n - 1, 0), n % 2 = 0, n, n / 3.0, n / 7.0, n / 9.0, decode(lpad(to_hex(n), 4, '0'), 'hex'), '0044-03-15 BC'::date + n,
        '23:59:59.999999', 'infinity', md5(n::text)::uuid, '{"a" : 1.0}', '{"a": 1.0}', 'x', 'ab', '10.0.0.1/8', ARRAY['a', NULL, 'b,c']
    FROM generate_series(1, 50) n;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE "Odd schema"."Child; table" REPLICA IDENTITY FULL;

CREATE TABLE plain (a integer, b text, c double precision, d bytea, e mood);
INSERT INTO plain SELECT n, repeat('x', n % 7) || E'\\\t\n', n / 7.0, decode('00ff', 'hex'), 'sad' FROM generate_series(1, 3000) n;
CREATE TABLE empty ();
CREATE UNLOGGED TABLE fleeting (a integer PRIMARY KEY DEFERRABLE);
INSERT INTO fleeting VALUES (1);

CREATE TABLE measured (at date NOT NULL, place integer, value numeric, PRIMARY KEY (at, place), CHECK (place > 0)) PARTITION BY RANGE (at);
CREATE TABLE measured_2023 PARTITION OF measured FOR VALUES FROM ('2023-01-01') TO ('2024-01-01') PARTITION BY LIST (place);
CREATE TABLE measured_2023_1 PARTITION OF measured_2023 FOR VALUES IN (1, 2);
CREATE TABLE measured_rest PARTITION OF measured DEFAULT;
CREATE INDEX measured_value ON measured (value);
INSERT INTO measured SELECT '2023-12-20'::date + n, 1 + n % 2, n FROM generate_series(1, 30) n;

CREATE TABLE base (a integer CHECK (a > 0));
CREATE TABLE derived (b integer) INHERITS (base);
INSERT INTO derived VALUES (1, 2);

CREATE TABLE guarded (owner text, secret text);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON guarded USING (owner = CURRENT_USER) WITH CHECK (true);
INSERT INTO guarded VALUES ('postgres', 's');
CREATE RULE no_delete AS ON DELETE TO guarded DO INSTEAD NOTHING;

CREATE TABLE left_side (id integer PRIMARY KEY, other integer);
CREATE TABLE right_side (id integer PRIMARY KEY, other integer REFERENCES left_side);
ALTER TABLE left_side ADD FOREIGN KEY (other) REFERENCES right_side;
INSERT INTO left_side VALUES (1, NULL);
INSERT INTO right_side VALUES (1, 1);
UPDATE left_side SET other = 1;

CREATE VIEW feelings AS SELECT feeling, count(*) AS n FROM parent GROUP BY feeling;
CREATE VIEW of_view (f, twice) AS SELECT feeling, add(n::integer, 1) FROM feelings;
CREATE MATERIALIZED VIEW stored AS SELECT longest(code) AS code, max(id) AS id FROM parent GROUP BY feeling;
CREATE UNIQUE INDEX stored_code ON stored (code);
GRANT SELECT ON feelings, stored TO feature_readers;
