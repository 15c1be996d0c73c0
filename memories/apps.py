from django.apps import AppConfig


class MemoriesConfig(AppConfig):
    name = "memories"

    def ready(self) -> None:
        from memories import upkeep
        from memories.jobs import by_command, working
        from memories.models import JobKind
        from memories.search import reindexing

        working.register(JobKind.REINDEX, reindexing.OPERATION)
        working.register(JobKind.RESCORE, upkeep.RESCORING)
        working.register(JobKind.EMBED, upkeep.EMBEDDING_AGAIN)
        working.register(JobKind.IMPORT, by_command.import_messages)
