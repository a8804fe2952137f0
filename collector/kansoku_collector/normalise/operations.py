"""Operations and providers of the conventions, and of those who use their names, to the ones of a row."""

import re

OPERATIONS = {
    "chat": "chat",
    "chat.completions": "chat",  # Semantic Kernel
    **dict.fromkeys(("chat.completion", "chat.completion.chunk"), "chat"),  # OpenTelemetry's eBPF
    **dict.fromkeys(("generatecontent", "streamgeneratecontent"), "generate_content"),
    **dict.fromkeys(("embedcontent", "batchembedcontents"), "embeddings"),
    "text.completions": "text_completion",
    "text_completion": "text_completion",
    "completion": "text_completion",
    "generate_content": "generate_content",
    "embeddings": "embeddings",
    "embedding": "embeddings",
    "image_generation": "image",
    "rerank": "rerank",
    "rerank_documents": "rerank",  # Alibaba
    "embed": "embeddings",  # Langtrace
    "chat_completion": "chat",  # AgentOps
    "interactions.create": "chat",  # Google's own SDK
    **dict.fromkeys(("chat_streaming", "interactions", "interactions_streaming"), "chat"),  # Rig
    **dict.fromkeys(("realtime_inference", "generate_live_content"), "chat"),  # a spoken turn, as drafted
    "decide": "generate_content",  # the AI SDK's questions about an input
    **dict.fromkeys(
        ("images_generate", "images_edit", "image_edit", "image_variation", "image", "images"), "image"
    ),
    "retrieval": "retrieval",
    "vector_db_retrieve": "retrieval",
    "retrieve": "retrieval",  # Eino
    "execute_tool": "execute_tool",
    "tool_call": "execute_tool",  # Gemini CLI
    "agent_call": "invoke_agent",
    **{"llm.generate_content": "chat", "tool": "execute_tool", "retriever": "retrieval"},  # LangChainGo
    "chain": "chain",
    **dict.fromkeys(("user_prompt", "system_prompt", "schedule_tool_calls"), "chain"),
    "chat_turn": "chain",  # RubyLLM: the calls of a turn and the tools between them
    "invoke_agent": "invoke_agent",
    "invoke_workflow": "chain",
    "agent_step": "chain",
    "create_agent": "invoke_agent",
    "workflow": "chain",
    "agent": "invoke_agent",
    "plan": "chain",
    "execute_task": "chain",
    "orchestrate_tools": "chain",  # Microsoft.Extensions.AI
    "responses": "chat",  # Azure's agents, and their runs
    "process_thread_run": "chat",
    "search_memory": "retrieval",
    **{"query_memory": "retrieval", "save_memory": "chain"},  # n8n's agents
    **dict.fromkeys(("create_memory", "update_memory", "upsert_memory", "delete_memory"), "chain"),
    **dict.fromkeys(("create_memory_store", "delete_memory_store"), "chain"),
    # The answer of a call that was made before, without its tokens.
    **dict.fromkeys(("fetch_response", "get_response"), "chain"),
    **dict.fromkeys(("run_step", "user_speech", "user_input"), "chain"),
    "task": "chain",  # Datadog
    **dict.fromkeys(("handoff", "agent_handoff", "invoke_node", "execute_node"), "chain"),
    **dict.fromkeys(("evaluate", "evaluation"), "evaluation"),
    **dict.fromkeys(
        ("guard", "guardrail", "guardrail.run", "guardrail_check", "apply_guardrail", "run_guardrail"),
        "guardrail",
    ),
}
# Words for any call of a model: Gemini CLI's; types of answers, from OpenTelemetry's eBPF; others'.
_CALLS = frozenset(
    {"", "llm", "llm_call", "llm_request", "invoke_model", "message", "response", "generation", "call_llm"}
    | {"generatetext", "streamtext"}  # Grafana's
)
# What a program's own word for asking a model is made of; of the first set it has one.
_ASKING = frozenset(
    {
        "chat",
        "completion",
        "completions",
        "generate",
        "generation",
        "inference",
        "llm",
        "messages",
        "responses",
    }
)
_AROUND = frozenset(("ai", "api", "call", "create", "gen", "invoke", "json", "object", "parse", "request"))
_MANNER = frozenset(("async", "openai", "anthropic", "stream", "streaming", "structured", "text"))
# The same of one that hears, speaks or films.
_SOUNDS = frozenset(
    {"audio", "speech", "synthesis", "transcribe", "transcription", "transcriptions", "video", "videos"}
)
_MAKING = frozenset({"generate", "generation", "to", "translation", "translations"})


def meaning_of(operation: str) -> str:
    """Return what an operation that nobody knows says in other words: that a model was asked, or nothing.

    What makes sound or film, or hears it, generates content.
    """
    words = set(re.split(r"[^a-z]+", operation))
    if operation in _CALLS or (not _ASKING.isdisjoint(words) and words <= _ASKING | _AROUND | _MANNER):
        return "chat"
    if not _SOUNDS.isdisjoint(words) and words <= _SOUNDS | _MAKING | _AROUND | _MANNER:
        return "generate_content"
    return ""


# Who answered has one name, whoever tells it: costs are summed by it. Every row's provider is looked up here.
PROVIDERS = {
    **dict.fromkeys(
        ("az.ai.openai", "azure.openai", "azure_openai", "azureopenai", "azure-openai", "azure"),
        "azure.ai.openai",
    ),
    **dict.fromkeys(("az.ai.inference", "azure_ai"), "azure.ai.inference"),
    **dict.fromkeys(("az.ai.agents", "azure.ai.agents", "microsoft.foundry"), "azure.ai.inference"),
    **dict.fromkeys(
        (
            "bedrock",
            "bedrock_converse",
            "aws",
            "awsbedrock",
            "aws_bedrock",
            "aws bedrock",
            "amazon_bedrock",
            "amazon-bedrock",
        ),
        "aws.bedrock",
    ),
    **dict.fromkeys(("vertex_ai", "vertexai", "google_vertexai", "gcp.vertex", "vertex"), "gcp.vertex_ai"),
    "claude": "anthropic",  # Eino
    **dict.fromkeys(("mistral", "mistralai", "mistral ai"), "mistral_ai"),
    **dict.fromkeys(("openai_llm", "openai_responses_llm"), "openai"),  # LlamaIndex's classes
    # Genkit, LangChain, Spring AI
    **dict.fromkeys(("googleai", "google_genai", "google_genai_ai"), "gcp.gemini"),
    "text-completion-openai": "openai",  # LiteLLM's
    **dict.fromkeys(("openai_sdk", "open_ai"), "openai"),  # Spring AI; here and below: LangChain4j
    "openai-chat": "openai",  # TanStack AI
    "azure_open_ai": "azure.ai.openai",
    "google_ai_gemini": "gcp.gemini",
    **dict.fromkeys(("google_vertex_ai_gemini", "google_vertex_ai_anthropic"), "gcp.vertex_ai"),
    **dict.fromkeys(("xai", "x-ai", "grok"), "x_ai"),
    # Cloudflare's gateway and Portkey
    **{"google-ai-studio": "gcp.gemini", "aws-bedrock": "aws.bedrock", "perplexity-ai": "perplexity"},
    **dict.fromkeys(("google-vertex-ai", "vertex-ai"), "gcp.vertex_ai"),
    "mistral-ai": "mistral_ai",
    **dict.fromkeys(("moonshot", "moonshotai"), "moonshot_ai"),  # Alibaba, the AI SDK
    "watsonx": "ibm.watsonx.ai",
}
