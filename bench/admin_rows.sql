-- The rows of `bench.admin`, which has made two temporary tables: size(messages, model) and word(spelled, term, every):
-- a word stands in each message whose number `every` divides. Seven in ten rows are of the first tenant; there is a
-- year of them, and ids are of the time at which a row was made.

SELECT setseed(0.5);
CREATE FUNCTION pg_temp.whose(n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
    'SELECT CASE WHEN n % 10 < 7 THEN 0 ELSE 1 + n % 9 END';
CREATE FUNCTION pg_temp.ago(n bigint, count bigint) RETURNS interval LANGUAGE sql IMMUTABLE AS
    'SELECT (n::float / count - 1) * interval ''365 days''';

-- Tenants, their people and keys.
CREATE TEMP TABLE owner AS SELECT n, uuidv7() AS id FROM generate_series(0, 9) AS n;
INSERT INTO tenants_tenant (id, slug, name, language) SELECT id, 'bench-' || n, '', 'english' FROM owner;
CREATE TEMP TABLE person AS
SELECT one.n, owner.id AS tenant_id, uuidv7(pg_temp.ago(one.n, messages / 50)) AS id,
    now() + pg_temp.ago(one.n, messages / 50) AS made
FROM size, generate_series(1, messages / 50) AS one(n), owner WHERE owner.n = pg_temp.whose(one.n);
INSERT INTO tenants_enduser (id, tenant_id, external_id, metadata, created_at)
SELECT id, tenant_id, 'user-' || n, '{}', made FROM person;
INSERT INTO tenants_apikey (id, tenant_id, end_user_id, name, prefix, digest, scopes, created_at, revoked_at)
SELECT uuidv7(made - now()), tenant_id, id, 'key ' || n, substr(md5(n::text), 1, 8), md5(n::text) || md5(n || 'x'),
    '{read,write}', made, CASE WHEN n % 5 = 0 THEN now() END
FROM person;

-- Two conversations a person, twenty-five turns a conversation.
CREATE TEMP TABLE talk AS
SELECT row_number() OVER (ORDER BY made) AS n, tenant_id, id AS end_user_id, uuidv7(made - now()) AS id, made
FROM person, generate_series(1, 2);
INSERT INTO memories_conversation (id, tenant_id, end_user_id, external_id, title, metadata, created_at, updated_at)
SELECT id, tenant_id, end_user_id, 'talk-' || n, CASE WHEN n % 3 = 0 THEN 'About thing ' || n ELSE '' END, '{}', made,
    made
FROM talk;
CREATE TEMP TABLE turn AS
SELECT one.n, tenant_id, talk.id AS conversation_id, end_user_id, uuidv7(pg_temp.ago(one.n, messages)) AS id,
    now() + pg_temp.ago(one.n, messages) AS made
FROM size, generate_series(1, messages) AS one(n), talk WHERE talk.n = 1 + (one.n - 1) / 25;
INSERT INTO memories_message (id, tenant_id, conversation_id, end_user_id, external_id, role, content, metadata,
    stored_importance, created_at, updated_at, archived_at)
SELECT id, tenant_id, conversation_id, end_user_id, 'external-' || n,
    CASE n % 100 WHEN 0 THEN 'system' WHEN 1 THEN 'tool' ELSE (ARRAY['user', 'assistant'])[1 + n % 2] END,
    (SELECT string_agg(spelled, ' ') FROM word WHERE n % every = 0) || repeat(' at some length', (n % 9)::int),
    '{"channel": "web"}', random(), made, made, CASE WHEN n % 4 = 0 THEN least(now(), made + interval '30 days') END
FROM turn;
INSERT INTO memories_messageembedding (tenant_id, message_id, model, status, attempts, queued_at, due_at, error,
    completed_at)
SELECT tenant_id, id, model, CASE n % 1000 WHEN 0 THEN 'failed' WHEN 1 THEN 'pending' ELSE 'completed' END, 1, made,
    made,
    CASE WHEN n % 1000 = 0 THEN 'The provider was away.' ELSE '' END, CASE WHEN n % 1000 > 1 THEN made END
FROM turn, size;
INSERT INTO memories_posting (tenant_id, message_id, term, frequency, length)
SELECT tenant_id, id, '', 1, 9 FROM turn
UNION ALL SELECT tenant_id, id, term, 1, 9 FROM turn, word WHERE n % every = 0;

-- What is known of people, and the work that it took.
INSERT INTO memories_fact (id, tenant_id, end_user_id, category, slot, content, confidence, temporal_state, standing,
    is_essential, said_at, last_refreshed_at, valid_from, read_by, created_at)
SELECT uuidv7(made - now()), tenant_id, id, 'user_preference', CASE WHEN fact % 2 = 0 THEN 'hobby' END,
    'Likes number ' || n || ' and ' || fact || ' better than the rest.', 0.9, 'current',
    CASE WHEN fact = 9 THEN 'superseded' ELSE 'holds' END, fact = 1, made, made, made, 'rules', made
FROM person, generate_series(1, 10) AS fact;
INSERT INTO memories_job (id, tenant_id, end_user_id, conversation_id, kind, status, attempts, asked, position, done,
    is_cancelled, error, result, created_at, due_at, finished_at)
SELECT uuidv7(made - now()), tenant_id, end_user_id, id, 'extract',
    CASE WHEN n % 500 = 0 THEN 'failed' ELSE 'succeeded' END,
    1, '{}', '{}', 0, false, CASE WHEN n % 500 = 0 THEN 'The model was away.' ELSE '' END, '{"facts": 5}', made, made,
    made
FROM talk;
INSERT INTO memories_tokenspend (tenant_id, day, model, calls, input_tokens, output_tokens, cost)
SELECT id, current_date - day, 'model-' || model, 10, 1000 * n, 100 * n, 0.01 * n
FROM owner, generate_series(0, 364) AS day, generate_series(1, 3) AS model;

-- Retention, and what was done.
CREATE TEMP TABLE carried AS
SELECT uuidv7(pg_temp.ago(day, 365)) AS id, owner.id AS tenant_id, now() + pg_temp.ago(day, 365) AS made
FROM owner, generate_series(1, 365) AS day;
INSERT INTO retention_run (id, tenant_id, dry_run, actions, trigger, status, planned_for, planned, sample, total,
    archived,
    deleted, moved, skipped, error, created_at, finished_at)
SELECT id, tenant_id, true, '["archive"]', 'schedule', 'completed', made, '[]', '[]', 100, 0, 0, 0, 0, '', made,
    made FROM carried;
INSERT INTO retention_planneditem (tenant_id, run_id, message_id, action, reason, was_archived)
SELECT tenant_id, latest.id, turn.id, 'archive', 'old', false
FROM turn JOIN (SELECT DISTINCT ON (tenant_id) * FROM carried ORDER BY tenant_id, made DESC) AS latest USING (tenant_id)
WHERE n % 10 = 0;
INSERT INTO retention_coldfile (id, tenant_id, run_id, path, sha256, bytes, messages, oldest, newest, created_at)
SELECT uuidv7(made - now()), tenant_id, id, 'cold/' || id, md5(id::text) || md5(id::text), 10000, 100, made, made,
    made FROM carried;
INSERT INTO retention_receipt (id, tenant_id, subject_kind, subject_digest, counts, proof, created_at, signature)
SELECT uuidv7(made - now()), tenant_id, 'user', md5(id::text) || md5(id::text), '{"messages": 9}', '{}', made,
    'none' FROM carried;
INSERT INTO memories_hold (id, tenant_id, kind, end_user_id, reason, created_at)
SELECT uuidv7(made - now()), tenant_id, 'legal_hold', id, 'A case', made FROM person WHERE n % 20 = 0;
INSERT INTO retention_rule (id, tenant_id, name, rule_type, conditions, action, priority, enabled, updated_at)
SELECT uuidv7(), id, 'rule ' || rule, 'age', '{"max_age_days": 30}', 'archive', 100, true, now()
FROM owner, generate_series(1, 20) AS rule;
INSERT INTO tenants_auditevent (id, tenant_id, created_at, actor_kind, actor, action, object_type, object_id, detail,
    address, request_id)
SELECT uuidv7(made - now()), tenant_id, made, (ARRAY['key', 'operator'])[1 + n % 2], 'actor-' || n % 50,
    (ARRAY['message.deleted', 'key.issued', 'admin.changed'])[1 + n % 3], 'memories.message', id::text, '{}',
    '127.0.0.1', 'request-' || n
FROM turn WHERE n % 3 = 0;
