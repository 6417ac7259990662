-- Makes the shop's database, its owner and those who log in as the owner; changes nothing that is right already.
-- A verifier proves a password and does not contain it.
\set ON_ERROR_STOP on
set client_min_messages = warning;
-- A verifier must not reach the log through a slow or failed statement.
set log_min_duration_statement = -1;
set log_min_error_statement = 'panic';

-- Owns everything and never logs in, so that passwords come and go without it.
select 'create role shop nologin'
where not exists (select from pg_roles where rolname = 'shop') \gexec
select 'alter role shop nologin password null'
where exists (select from pg_authid where rolname = 'shop' and (rolcanlogin or rolpassword is not null)) \gexec

create temporary table wanted (name name, verifier text);
insert into wanted values {{logins}};

select format('create role %I in role shop', name) from wanted
where not exists (select from pg_roles where rolname = name) \gexec
select format('alter role %I login password %L', name, verifier)
from wanted join pg_authid on rolname = name
where not rolcanlogin or rolpassword is distinct from verifier \gexec
select format('grant shop to %I', name) from wanted where not pg_has_role(name, 'shop', 'member') \gexec
-- Whatever it makes belongs to the owner.
select format('alter role %I set role = shop', name) from wanted \gexec
-- What a page does takes milliseconds; the release's migration sets its own limits.
select format('alter role %I set %s', name, setting)
from wanted, (values ('statement_timeout = ''10s'''), ('lock_timeout = ''5s'''),
  ('idle_in_transaction_session_timeout = ''10s''')) as settings (setting) \gexec

select $$create database shop owner shop template template0 encoding 'UTF8' locale 'C.UTF-8'$$
where not exists (select from pg_database where datname = 'shop') \gexec
revoke all on database shop from public;

{{unwantedLogins}}

-- Standbys and copies, if there are any.
\set replicator '{{replicator}}'
select 'create role replicator login replication'
where :'replicator' <> '' and not exists (select from pg_roles where rolname = 'replicator') \gexec
select format('alter role replicator password %L', :'replicator')
where :'replicator' <> ''
  and (select rolpassword from pg_authid where rolname = 'replicator') is distinct from :'replicator' \gexec
-- They hold everything anyway; a copy is made by reading it.
select 'grant pg_read_all_data to replicator' where :'replicator' <> '' \gexec
select 'grant connect on database shop to replicator' where :'replicator' <> '' \gexec
select 'drop owned by replicator'
where :'replicator' = '' and exists (select from pg_roles where rolname = 'replicator') \gexec
select 'drop role replicator'
where :'replicator' = '' and exists (select from pg_roles where rolname = 'replicator') \gexec

\connect shop
create extension if not exists pg_stat_statements;
revoke all on schema public from public;
alter schema public owner to shop;
