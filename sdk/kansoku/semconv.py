"""Every attribute name that Kansoku writes or reads in its own dialect, once.

Names without the `kansoku.` prefix are OpenTelemetry core and its GenAI semantic conventions (the generation
after 1.41, `https://opentelemetry.io/schemas/gen-ai-dev`); what they lack is under `kansoku.*`.
"""

from typing import Final

# Operation and model
OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
SYSTEM_FINGERPRINT: Final = "openai.response.system_fingerprint"
STREAM: Final = "gen_ai.request.stream"
TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"  # seconds

# Request parameters: gen_ai.request.<name>
REQUEST: Final = "gen_ai.request."
TEMPERATURE: Final = "gen_ai.request.temperature"
TOP_P: Final = "gen_ai.request.top_p"
TOP_K: Final = "gen_ai.request.top_k"
MAX_TOKENS: Final = "gen_ai.request.max_tokens"
SEED: Final = "gen_ai.request.seed"
STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
CHOICE_COUNT: Final = "gen_ai.request.choice.count"
FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
ENCODING_FORMATS: Final = "gen_ai.request.encoding_formats"
EMBEDDING_DIMENSIONS: Final = "gen_ai.embeddings.dimension.count"
OUTPUT_TYPE: Final = "gen_ai.output.type"
SERVICE_TIER: Final = "openai.response.service_tier"

# Content, as JSON text in the GenAI message shape
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
INPUT_VALUE: Final = "kansoku.input.value"  # JSON of an observed function's arguments
OUTPUT_VALUE: Final = "kansoku.output.value"  # JSON of what it returned

# Usage: input includes cached tokens, output includes reasoning
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
CACHE_WRITE_1H_TOKENS: Final = "kansoku.usage.cache_write_1h.input_tokens"  # part of the cache writes
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
AUDIO_INPUT_TOKENS: Final = "gen_ai.usage.audio.input_tokens"
AUDIO_OUTPUT_TOKENS: Final = "gen_ai.usage.audio.output_tokens"
IMAGE_INPUT_TOKENS: Final = "gen_ai.usage.image.input_tokens"
VIDEO_INPUT_TOKENS: Final = "gen_ai.usage.video.input_tokens"
VIDEO_OUTPUT_TOKENS: Final = "gen_ai.usage.video.output_tokens"
# Parts of the cache reads, and of the sounds and images sent
CACHE_READ_AUDIO_TOKENS: Final = "gen_ai.usage.audio.cache_read.input_tokens"
CACHE_READ_IMAGE_TOKENS: Final = "gen_ai.usage.image.cache_read.input_tokens"
USAGE_ESTIMATED: Final = "kansoku.usage.estimated"
USAGE_UNBILLED: Final = (
    "kansoku.usage.unbilled"  # true: the vendor counts these tokens and asks nothing for them
)
COST_USD: Final = "kansoku.cost.usd"  # double, US dollars, computed by the SDK from PRICE_ID
PRICE_ID: Final = "kansoku.cost.price_id"
COST_REPORTED_USD: Final = "kansoku.cost.reported_usd"  # what the client or the vendor itself says it cost
COST_STATED_USD: Final = (
    "kansoku.cost.stated_usd"  # what was paid, where the counts do not tell it: goes before any price
)

# Tools, retrieval, agents
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_DESCRIPTION: Final = "gen_ai.tool.description"
TOOL_RESULT: Final = "gen_ai.tool.call.result"
AGENT_NAME: Final = "gen_ai.agent.name"
AGENT_ID: Final = "gen_ai.agent.id"
RETRIEVAL_QUERY: Final = "gen_ai.retrieval.query.text"
RETRIEVAL_DOCUMENTS: Final = "gen_ai.retrieval.documents"  # JSON [{id, score, content}]
RETRIEVAL_TOP_K: Final = "gen_ai.retrieval.top_k"
DATA_SOURCE: Final = "gen_ai.data_source.id"
RETRIEVAL_COUNT: Final = "kansoku.retrieval.documents.count"  # found, 0 included
RETRIEVAL_QUERIES: Final = "kansoku.retrieval.queries.count"  # questions asked by one call
RETRIEVAL_FILTER: Final = "kansoku.retrieval.filter"  # JSON, as the store's client takes it
RETRIEVAL_VECTOR: Final = "kansoku.retrieval.vector.name"  # the one of several that a record has
RETRIEVAL_RERANK_MODEL: Final = "kansoku.retrieval.rerank.model"
RETRIEVAL_SCORE_METRIC: Final = "kansoku.retrieval.score.metric"  # what the score of a document is
RETRIEVAL_SCORE_ORDER: Final = "kansoku.retrieval.score.better"  # lower or higher
DB_SYSTEM: Final = "db.system.name"
DB_OPERATION: Final = "db.operation.name"
DB_COLLECTION: Final = "db.collection.name"
DB_NAMESPACE: Final = "db.namespace"
DB_QUERY: Final = "db.query.text"  # of a statement, its literals left out

# Who and which
SESSION_ID: Final = "session.id"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
USER_ID: Final = "user.id"
TAGS: Final = "kansoku.tags"  # string array
METADATA: Final = "kansoku.metadata."  # prefix: one attribute a key
PROMPT_NAME: Final = "gen_ai.prompt.name"
PROMPT_VERSION: Final = "gen_ai.prompt.version"
EXPERIMENT: Final = "kansoku.experiment"
STREAM_CLOSED_EARLY: Final = "kansoku.stream.closed_early"  # true when the consumer stopped before the end
CANCEL_REASON: Final = "kansoku.response.cancel_reason"  # why a spoken answer broke off: turn_detected ...
FETCHED: Final = "kansoku.response.fetched"  # true for an answer that was made in the background
BATCH_ID: Final = "kansoku.batch.id"  # of an answer that was made in a batch
BATCH_REQUESTS: Final = "kansoku.batch.requests"  # of a batch or a run whose tokens are told as one sum
SEVERAL: Final = "several"  # instead of their number, where nobody counted them
BATCH_REQUEST_ID: Final = "kansoku.batch.request.id"  # what the program calls its request in the batch
EMBEDDING_INPUTS: Final = "kansoku.embeddings.input.count"  # texts embedded by one call
GRAPH_NODE: Final = "kansoku.graph.node"  # of a LangGraph graph
GRAPH_STEP: Final = "kansoku.graph.step"
INTERRUPTED: Final = "kansoku.interrupted"  # true when a graph stopped to ask a human
AGENT_TOOLS: Final = "kansoku.agent.tools"  # string array: names
AGENT_HANDOFFS: Final = "kansoku.agent.handoffs"  # string array: agents that it may hand over to
HANDOFF_FROM: Final = "kansoku.handoff.from"
HANDOFF_TO: Final = "kansoku.handoff.to"
DESCRIBED: Final = "kansoku.described"  # true: a span of ours below says everything about this call
CACHE_HIT: Final = "kansoku.cache_hit"  # true when the framework's own cache answered, not the model
KIND: Final = "kansoku.kind"  # what `kansoku.span(kind=...)` was given; finer than the operation

# Evaluation event
EVALUATION_EVENT: Final = "gen_ai.evaluation.result"
EVALUATION_NAME: Final = "gen_ai.evaluation.name"
EVALUATION_SCORE: Final = "gen_ai.evaluation.score.value"
EVALUATION_LABEL: Final = "gen_ai.evaluation.score.label"
EVALUATION_EXPLANATION: Final = "gen_ai.evaluation.explanation"

# Canaries
CANARY_SUITE: Final = "kansoku.canary.suite"
CANARY_PROMPT: Final = "kansoku.canary.prompt"  # the prompt's name in its suite
CANARY_TEMPERATURE: Final = "kansoku.canary.temperature"
CANARY_EXPERIMENT: Final = "canary:"  # the experiment of a suite's spans is this and its name

# Guardrail
GUARDRAIL_PASSED: Final = "kansoku.guardrail.passed"
GUARDRAIL_REASON: Final = "kansoku.guardrail.reason"
GUARDRAIL_SCORE: Final = "kansoku.guardrail.score"

# Where the time went, as the model's server says: seconds
SERVER_QUEUE_TIME: Final = "kansoku.server.queue_time"
SERVER_LOAD_TIME: Final = "kansoku.server.load_time"
SERVER_PROMPT_TIME: Final = "kansoku.server.prompt_time"
SERVER_COMPLETION_TIME: Final = "kansoku.server.completion_time"
SERVER_TOTAL_TIME: Final = "kansoku.server.total_time"
ROUTER_MODEL: Final = "kansoku.router.model"  # the name that a router was given, which stands for a model

# Counted in other units than tokens
SEARCH_UNITS: Final = "kansoku.usage.search_units"  # Cohere: a query with up to 100 documents
PAGES: Final = "kansoku.usage.pages"  # pages read by OCR
ANNOTATED_PAGES: Final = "kansoku.usage.annotated_pages"  # those of them that are described besides
CHARACTERS: Final = "kansoku.usage.characters"  # of a text that is spoken
CITATION_TOKENS: Final = "kansoku.usage.citation_tokens"  # read for an answer, beside its other tokens
CLASSIFICATIONS: Final = "kansoku.usage.classifications"  # texts that were given a label
IMAGES: Final = "kansoku.usage.images"  # images made
AUDIO_SECONDS: Final = "kansoku.usage.audio.input_seconds"
MODEL_INPUT_TOKENS: Final = "kansoku.usage.model.input_tokens"  # what the model read, where less is billed
MODEL_OUTPUT_TOKENS: Final = "kansoku.usage.model.output_tokens"
MODEL_CACHED_TOKENS: Final = "kansoku.usage.model.cached_tokens"  # cached by the server, not billed apart

# AWS
AWS_REQUEST_ID: Final = "aws.request_id"
AWS_GUARDRAIL: Final = "aws.bedrock.guardrail.id"
AWS_KNOWLEDGE_BASE: Final = "aws.bedrock.knowledge_base.id"
AWS_PERFORMANCE: Final = "kansoku.aws.performance_latency"  # standard or optimized
CLOUD_REGION: Final = "cloud.region"

# What else a call says
HTTP_RESEND_COUNT: Final = "http.request.resend_count"  # tries after the first
RESPONSE_HEADER: Final = "http.response.header."  # prefix: one string array a header
ERROR_CODE: Final = "kansoku.error.code"  # the vendor's own word, such as insufficient_quota
LOGPROB_MEAN: Final = "kansoku.response.logprob.mean"
TOKENS_PER_SECOND: Final = "kansoku.response.tokens_per_second"  # output tokens after the first chunk
ESTIMATED_INPUT_TOKENS: Final = "kansoku.usage.estimated_input_tokens"  # never among gen_ai.usage.*
ESTIMATED_OUTPUT_TOKENS: Final = "kansoku.usage.estimated_output_tokens"
ACCEPTED_PREDICTION_TOKENS: Final = "kansoku.usage.accepted_prediction_tokens"
REJECTED_PREDICTION_TOKENS: Final = "kansoku.usage.rejected_prediction_tokens"
IMAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.image.output_tokens"
SERVER_TOOL_CALLS: Final = "kansoku.usage.{}.requests"  # one attribute a tool that the vendor ran
VENDOR_COST: Final = "gen_ai.usage.cost"  # US dollars, as the vendor says; used where no price is known
PROMPT_VARIABLE: Final = "gen_ai.prompt.variable."  # prefix: one attribute a variable
REQUEST_SERVICE_TIER: Final = "openai.request.service_tier"
PREVIOUS_RESPONSE_ID: Final = "gen_ai.request.previous_response.id"
CONTENT_FILTER: Final = "kansoku.response.content_filter"  # JSON {part: {category: verdict}}
AZURE_DEPLOYMENT: Final = "kansoku.azure.deployment"
AZURE_API_VERSION: Final = "kansoku.azure.api_version"
UPSTREAM_PROVIDER: Final = "kansoku.response.upstream_provider"  # who served it behind a router

# What Anthropic and Google add
THINKING_BUDGET: Final = "kansoku.request.thinking.budget_tokens"
TOOL_CHOICE: Final = "gen_ai.request.tool_choice"  # a mode, or the tool that the model has to call
SAFETY_SETTINGS: Final = "kansoku.request.safety_settings"  # string array: category=threshold
RESPONSE_TIER: Final = "kansoku.response.service_tier"
INFERENCE_GEO: Final = "kansoku.response.inference_geo"
STOP_SEQUENCE: Final = "kansoku.response.stop_sequence"  # the one that was met
CONTAINER_ID: Final = "kansoku.response.container.id"
BLOCK_REASON: Final = "kansoku.response.block_reason"  # why a prompt was refused
SEARCH_QUERIES: Final = "kansoku.grounding.queries"  # string array: what the vendor searched for
SEARCH_SOURCES: Final = "kansoku.grounding.sources"  # JSON [{uri, title}]: what the answer rests on
WEB_SEARCHES: Final = "kansoku.usage.web_search.requests"
WEB_FETCHES: Final = "kansoku.usage.web_fetch.requests"
COMPACTION_USAGE: Final = "anthropic.usage.compaction."  # prefix: tokens that the answer's counts leave out
USAGE_BY_MODEL: Final = "kansoku.usage.by_model"  # JSON {model: {input_tokens, output_tokens}}
IMAGE_TOOL_USAGE: Final = (
    "kansoku.usage.image_generation."  # prefix: tokens of the model that drew for another
)
SVG_USAGE: Final = "kansoku.usage.svg."  # prefix: tokens of the model that wrote drawings as text
ADVISOR_USAGE: Final = "kansoku.usage.advisor."  # prefix: tokens of another model that was asked on the way
DECLINED_USAGE: Final = "kansoku.usage.declined."  # prefix: tokens of a model that left the answer to another

# Core
ERROR_TYPE: Final = "error.type"
HTTP_STATUS: Final = "http.response.status_code"
RESEND_COUNT: Final = "http.request.resend_count"  # how often the client tried again
HTTP_METHOD: Final = "http.request.method"
HTTP_ROUTE: Final = "http.route"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
SERVICE_NAME: Final = "service.name"
SERVICE_VERSION: Final = "service.version"  # the release
ENVIRONMENT: Final = "deployment.environment.name"

# What became of a process's spans: sent with each request, as a resource of its own without spans
PROCESS_ID: Final = "kansoku.process.id"
PROCESS_STARTED: Final = "kansoku.process.started"
PROCESS_EXPORTED: Final = "kansoku.process.exported"
PROCESS_DROPPED: Final = "kansoku.process.dropped."  # prefix: one attribute a reason
QUEUE_FULL: Final = "queue_full"
REFUSED: Final = "refused"  # the collector says that it will never take them
LOST: Final = "lost"  # the collector was away for too long
ENCODE: Final = "encode"
SAMPLED_OUT: Final = "sampled_out"  # on purpose
SPOOL_FULL: Final = "spool_full"
SPOOL_ERROR: Final = "spool_error"
SPOOL_EXPIRED: Final = "spool_expired"
EXIT: Final = "exit"  # the program ended first

# Privacy and sampling
CAPTURE_CONTENT: Final = "kansoku.capture_content"  # full, metadata or off, where it is not full
MASKING_FAILED: Final = "kansoku.masking.failed"  # true: the content could not be masked and is left out
SAMPLE_WEIGHT: Final = "kansoku.sample.weight"  # double: how many spans this one stands for

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"

# `kansoku.span(kind=...)` -> `gen_ai.operation.name`; kinds without a GenAI operation travel in KIND alone
KIND_OPERATIONS: Final = {
    "chain": "invoke_workflow",
    "agent": "invoke_agent",
    "tool": "execute_tool",
    "retrieval": "retrieval",
    "embedding": "embeddings",
    "chat": "chat",
}
KINDS: Final = frozenset({*KIND_OPERATIONS, "guardrail", "evaluation", "function"})
