-- Logins that are wanted no more. First nobody new gets in, then those who are in are sent out.
select format('alter role %I nologin', rolname) from pg_roles
where rolname ~ '^shop_\d+$' and rolname not in (select name from wanted) \gexec
select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity
where usename ~ '^shop_\d+$' and usename not in (select name from wanted) \g /dev/null
select format('drop role %I', rolname) from pg_roles
where rolname ~ '^shop_\d+$' and rolname not in (select name from wanted) \gexec