// Package postgres is the store in a PostgreSQL database, for one host or many. What it does is in sqlstore;
// this is how it connects, how hosts keep out of each other's way, and what it does while the database is gone.
package postgres
