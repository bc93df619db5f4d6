-- Makes all_types.bin and all_types.txt: the same rows as COPY writes them in binary and in text.
CREATE TYPE mood AS ENUM ('sad','ok','it''s "x"');
CREATE TABLE all_types(b boolean, i2 smallint, i4 integer, i8 bigint, f4 real, f8 double precision, n numeric, n2 numeric(20,5), t text, v varchar(30), c char(5), nm name, ch "char", by bytea, d date, tm time, ts timestamp, tz timestamptz, u uuid, j json, jb jsonb, o oid, m mood);
SET timezone='UTC';
INSERT INTO all_types VALUES
(true, 32767, 2147483647, 9223372036854775807, 1.1, 1.1, 12345678901234567890.123456789, 4.99, E'tab\there\nnew\\line', 'é雪', 'ab', 'nm', 'x', '\x00ff0a5c', '2024-02-29', '23:59:59.999999', '2024-02-29 12:34:56.789', '2024-02-29 12:34:56.789+02', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a": [1,2,  3]}', '{"b": null, "a": 1.50}', 4294967295, 'ok'),
(false, -32768, -2147483648, -9223372036854775808, 'NaN', 'Infinity', 'NaN', 0, '', '', '', '', '', '', '-infinity', '00:00', 'infinity', '-infinity', '00000000-0000-0000-0000-000000000000', '1', '"x"', 0, 'it''s "x"'),
(null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null),
(true,0,0,0,1e20,1e15,'Infinity',-0.00001,'\N','\.','     ','a b','1','\x5c5c','0044-03-15 BC','24:00:00','0044-03-15 12:00:00 BC','4713-01-01 00:00:00.5 BC','ffffffff-ffff-ffff-ffff-ffffffffffff','[]','{}',1,'sad');
INSERT INTO all_types (f4,f8,n,d,ts,tz) SELECT (random()*power(10,i%77-38))::real, random()*power(10,i%600-300)*(case when i%2=0 then 1 else -1 end), (random()*power(10,(i%40-20))::numeric)::numeric * (case when i%3=0 then -1 else 1 end), '2000-01-01'::date + i*9973-2000000, '2000-01-01'::timestamp + i*interval '1 day 7.123457 seconds' * 300, '2000-01-01'::timestamptz - i*interval '31 day 3:02:01.12' from generate_series(1,300) i;
INSERT INTO all_types (f4,f8,n) VALUES (123456,123456789012345,'-Infinity'),(999999.9,999999999999999.9,1e100),(1e-4,1e-4,1e-100),(1e-5,1e-5,0.0000),(16777216,9007199254740993,10000),(3.4028235e38,1.7976931348623157e308,100000000),(1e-45,5e-324,99999999.9999);
\copy all_types to 'all_types.bin' (format binary)
\copy all_types to 'all_types.txt'
