-- Makes the shop's database, its owner and those who log in as the owner, at a PostgreSQL whose master is no superuser
-- (RDS). The same as ../postgresql/setup.sql makes, but what a password is cannot be read there: it is set each time.
-- A verifier proves a password and does not contain it: who is no superuser cannot keep a slow or failed statement, and
-- one that is in it, out of the log.
\set ON_ERROR_STOP on
set client_min_messages = warning;

-- Owns everything and never logs in, so that passwords come and go without it.
select 'create role shop nologin'
where not exists (select from pg_roles where rolname = 'shop') \gexec
-- Only a member may make something that belongs to it.
select 'grant shop to current_user' where not pg_has_role('shop', 'member') \gexec

create temporary table wanted (name name, verifier text);
insert into wanted values {{logins}};

select format('create role %I in role shop', name) from wanted
where not exists (select from pg_roles where rolname = name) \gexec
select format('alter role %I login password %L', name, verifier) from wanted \gexec
select format('grant shop to %I', name) from wanted where not pg_has_role(name, 'shop', 'member') \gexec
-- Whatever it makes belongs to the owner.
select format('alter role %I set role = shop', name) from wanted \gexec
-- What a page does takes milliseconds; the release's migration sets its own limits.
select format('alter role %I set %s', name, setting)
from wanted, (values ('statement_timeout = ''10s'''), ('lock_timeout = ''5s'''),
  ('idle_in_transaction_session_timeout = ''10s''')) as settings (setting) \gexec

-- Letters of every language, sorted by their code points. That is C.UTF-8, for which not every system has a name.
select coalesce((select 'C.UTF-8' from pg_collation where collname in ('C.UTF-8', 'C.utf8') limit 1), 'en_US.UTF-8')
  as ctype \gset
select format($$create database shop owner shop template template0 encoding 'UTF8' lc_collate 'C' lc_ctype %L$$, :'ctype')
where not exists (select from pg_database where datname = 'shop') \gexec
revoke all on database shop from public;

{{unwantedLogins}}

\connect shop
revoke all on schema public from public;
alter schema public owner to shop;
