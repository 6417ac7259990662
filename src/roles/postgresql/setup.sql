-- Makes the shop's database and its owner; changes nothing that is right already.
-- The verifier proves a password and does not contain it.
\set ON_ERROR_STOP on
\set verifier '{{verifier}}'
-- The verifier must not reach the log through a slow or failed statement.
set log_min_duration_statement = -1;
set log_min_error_statement = 'panic';

select 'create role shop login'
where not exists (select from pg_roles where rolname = 'shop') \gexec
select format('alter role shop password %L', :'verifier')
where (select rolpassword from pg_authid where rolname = 'shop') is distinct from :'verifier' \gexec

-- What a page does takes milliseconds; the release's migration sets its own limits.
alter role shop set statement_timeout = '10s';
alter role shop set lock_timeout = '5s';
alter role shop set idle_in_transaction_session_timeout = '10s';

select $$create database shop owner shop template template0 encoding 'UTF8' locale 'C.UTF-8'$$
where not exists (select from pg_database where datname = 'shop') \gexec
revoke all on database shop from public;

\connect shop
create extension if not exists pg_stat_statements;
revoke all on schema public from public;
alter schema public owner to shop;
