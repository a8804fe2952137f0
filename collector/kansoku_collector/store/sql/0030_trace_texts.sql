-- The texts of a trace's calls stand in for those that its root does not have. Most roots have both, and come in one
-- block with the first call: what nobody would read was two fifths of this table, and a sixth of a whole store.
ATTACH TABLE IF NOT EXISTS traces_mv;
ALTER TABLE traces_mv MODIFY QUERY
SELECT
    project,
    toStartOfHour(s.start) AS hour,
    trace_id,
    min(s.start) AS start,
    max(s.start + toIntervalNanosecond(duration_ns)) AS end,
    maxIf(toString(name), parent_span_id = '') AS root_name,
    maxIf(toString(operation), parent_span_id = '') AS root_operation,
    maxIf(duration_ns, parent_span_id = '') AS root_duration_ns,
    maxIf(toString(status), parent_span_id = '') AS root_status,
    maxIf(substringUTF8(input_text, 1, 500), parent_span_id = '') AS root_input,
    maxIf(substringUTF8(output_text, 1, 500), parent_span_id = '') AS root_output,
    max(toString(s.service)) AS service,
    max(toString(s.environment)) AS environment,
    max(toString(s.release)) AS release,
    max(s.session_id) AS session_id,
    max(s.user_id) AS user_id,
    max(toString(s.prompt_name)) AS prompt_name,
    max(toString(s.prompt_version)) AS prompt_version,
    if(root_input != '', '', argMinIf(substringUTF8(input_text, 1, 500), s.start, billed = 1)) AS call_input,
    if(root_output != '', '', argMaxIf(
        substringUTF8(output_text, 1, 500), s.start, billed = 1 AND output_text != ''
    )) AS call_output,
    groupUniqArrayIf(toString(if(response_model = '', request_model, response_model)), billed = 1) AS models,
    groupUniqArrayArray(arrayMap(t -> toString(t), s.tags)) AS tags,
    groupUniqArray(toString(s.service)) AS services,
    groupUniqArray(toString(s.operation)) AS operations,
    groupUniqArrayIf(concat(s.prompt_name, '@', s.prompt_version), s.prompt_version != '') AS prompts,
    groupUniqArrayIf(toString(s.language), billed = 1 AND s.language != '') AS languages,
    count() AS spans,
    countIf(billed = 1) AS calls,
    countIf(status = 'error') AS errors,
    countIf(cost_source = 'unpriced') AS unpriced_calls,
    sumIf(s.input_tokens, billed = 1) AS input_tokens,
    sumIf(s.output_tokens, billed = 1) AS output_tokens,
    sum(s.cost_usd) AS cost_usd,
    countIf(refusal = 1) AS refusals,
    countIf(fallback = 1) AS fallbacks
FROM spans AS s
GROUP BY project, hour, trace_id;
-- Read again from the disk: a view whose query was changed in memory gives a block another token than it does
-- after a restart, and a segment sent again then would count twice.
DETACH TABLE IF EXISTS traces_mv;
ATTACH TABLE IF NOT EXISTS traces_mv;

-- What is stored already is written anew behind the scenes, these two columns alone.
ALTER TABLE traces
    UPDATE call_input = '' WHERE root_input != '' AND call_input != '',
    UPDATE call_output = '' WHERE root_output != '' AND call_output != '';
