-- A small shop: what the demonstration's backup holds.
BEGIN;
CREATE TABLE IF NOT EXISTS customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT NOT NULL, since TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS products (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price REAL NOT NULL CHECK (price > 0));
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY,
    customer INTEGER NOT NULL REFERENCES customers (id),
    day TEXT NOT NULL,
    paid INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS order_items (
    "order" INTEGER NOT NULL REFERENCES orders (id),
    product INTEGER NOT NULL REFERENCES products (id),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY ("order", product)
);
CREATE INDEX IF NOT EXISTS orders_by_customer ON orders (customer);
DELETE FROM order_items;
DELETE FROM orders;
DELETE FROM products;
DELETE FROM customers;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
INSERT INTO customers SELECT i, 'Customer ' || i,
    (SELECT value FROM json_each('["Lisbon", "Oslo", "Kraków", "Zürich", "Nairobi"]') WHERE key = i % 5), date('2019-01-01', i || ' days') FROM n;
INSERT INTO products SELECT key + 1, value, 2.5 + key * 1.25
    FROM json_each('["Tea", "Coffee", "Cocoa", "Honey", "Jam", "Bread", "Butter", "Cheese", "Olives", "Salt", "Pepper", "Saffron"]');
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
INSERT INTO orders SELECT i, 1 + i * 7919 % 300, date('2024-01-01', (i / 6) || ' days'), i % 9 > 0 FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
INSERT OR IGNORE INTO order_items SELECT 1 + i % 2000, 1 + i * 31 % 12, 1 + i % 4 FROM n;
COMMIT;
