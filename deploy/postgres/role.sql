-- The application's role and database. As a superuser, as often as you like:
--   DB_PASSWORD=... psql -v ON_ERROR_STOP=1 -d postgres -f deploy/postgres/role.sql
-- compose.yaml has it run when the database's volume is created.

\getenv password DB_PASSWORD
\if :{?password}
\else
  \warn 'DB_PASSWORD is missing: the password that the role minicrm shall have.'
  DO $$ BEGIN RAISE 'DB_PASSWORD is missing'; END $$;
\endif

SELECT 'CREATE ROLE minicrm LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'minicrm') \gexec
ALTER ROLE minicrm LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';

SELECT 'CREATE DATABASE minicrm OWNER minicrm ENCODING ''UTF8'' TEMPLATE template0'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'minicrm') \gexec

-- Nobody else has anything to do there.
REVOKE ALL ON DATABASE minicrm FROM PUBLIC;

-- Behind PgBouncer in transaction mode the application cannot say these itself (DB_POOLER).
-- A direct connection says its own, from DB_LOCK_TIMEOUT_MS and DB_STATEMENT_TIMEOUT_MS.
ALTER ROLE minicrm SET lock_timeout = '3s';
ALTER ROLE minicrm SET statement_timeout = '8s';
-- A client that vanished in the middle of a transaction leaves no lock behind.
ALTER ROLE minicrm SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE minicrm SET timezone = 'UTC';

-- PostgreSQL's log would quote rows and statements that failed: names, e-mails, phone numbers.
ALTER DATABASE minicrm SET log_error_verbosity = 'terse';
ALTER DATABASE minicrm SET log_min_error_statement = 'panic';
ALTER DATABASE minicrm SET log_statement = 'none';
ALTER DATABASE minicrm SET log_min_duration_statement = -1;
ALTER DATABASE minicrm SET log_parameter_max_length_on_error = 0;
