from django.apps import AppConfig


class MemoriesConfig(AppConfig):
    name = "memories"

    def ready(self) -> None:
        from memories import reembedding, upkeep
        from memories.jobs import by_command, working
        from memories.models import JobKind
        from memories.search import reindexing

        working.register(JobKind.REINDEX, reindexing.OPERATION)
        working.register(JobKind.RESCORE, upkeep.RESCORING)
        working.register(JobKind.EMBED, upkeep.EMBEDDING_AGAIN)
        working.register(JobKind.BACKFILL, reembedding.BACKFILLING)
        working.register(JobKind.REEMBED, reembedding.REEMBEDDING)
        working.register(JobKind.PRUNE, reembedding.PRUNING)
        working.register(JobKind.IMPORT, by_command.import_messages)
