"""The phrases that change a field of a task. `changes` tries them in order; the first match decides."""

from app.language.days import NUMBER, UNIT
from app.language.details import LEVEL
from app.language.sentences import compiled

CLEAR_DUE = (
    compiled(
        r"^(?:remove|clear|delete|drop|unset)\s+(?:the\s+)?(?:due\s+dates?|deadlines?|dates?|due|times?)\s+(?:from|of|on|for)\s+(?P<target>.+)$"
    ),
    compiled(
        r"^(?:make|set|leave)\s+(?P<target>.+?)\s+(?:with\s+no|without\s+(?:a|any)|to\s+no|have\s+no)\s+(?:due\s+)?(?:date|deadline)$"
    ),
    compiled(r"^(?P<target>.+?)\s+(?:has|needs)\s+no\s+(?:due\s+date|deadline|date)$"),
    compiled(r"^(?:remove|clear|delete|drop)\s+(?P<target>.+?)['’]s?\s+(?:due\s+date|deadline|date)$"),
)
CLEAR_RECURRENCE = (
    compiled(r"^(?:stop|don['’]?t|do\s+not|no\s+longer)\s+(?:repeat(?:ing)?|recurring)\s+(?P<target>.+)$"),
    compiled(
        r"^(?:make|let)\s+(?P<target>.+?)\s+(?:not|no\s+longer|stop)\s+(?:repeat(?:ing)?|recur(?:ring)?)(?:\s+any\s?more)?$"
    ),
    compiled(
        r"^(?:remove|clear|delete)\s+(?:the\s+)?(?:repetition|recurrence|repeat)\s+(?:from|of)\s+(?P<target>.+)$"
    ),
)
REMOVE_TAG = (
    compiled(
        r"^(?:remove|delete|drop|take)\s+(?:the\s+)?(?:tags?\s+#?(?P<tag>[\w-]+)|#(?P<hash>[\w-]+)(?:\s+tag)?|(?P<word>[\w-]+)\s+tag)\s+(?:from|off|of)\s+(?P<target>.+)$"
    ),
    compiled(r"^untag\s+(?P<target>.+?)\s+(?:from\s+|with\s+)?(?:#(?P<hash>[\w-]+)|(?P<word>[\w-]+))$"),
)
ADD_TAG = (
    compiled(
        r"^(?:add|put|attach)\s+(?:the\s+)?(?:tags?\s+)(?P<tags>#?[\w-]+(?:(?:\s*,\s*|\s+and\s+)#?[\w-]+)*)\s+(?:to|on)\s+(?P<target>.+)$"
    ),
    compiled(
        r"^(?:add|put|attach)\s+(?P<tags>#[\w-]+(?:(?:\s*,?\s*|\s+and\s+)#[\w-]+)*)\s+(?:to|on)\s+(?!my\s+list)(?P<target>.+)$"
    ),
    compiled(
        r"^(?:tag|label)\s+(?P<target>.+?)\s+(?:with\s+|as\s+)(?P<tags>#?[\w-]+(?:(?:\s*,\s*|\s+and\s+)#?[\w-]+)*)$"
    ),
    compiled(r"^(?:tag|label)\s+(?P<target>.+?)\s+(?P<tags>#[\w-]+(?:\s+#[\w-]+)*)$"),
    compiled(r"^(?:tag|label)\s+(?P<target>.+)\s+(?P<tags>[\w-]+)$"),
)
RENAME_TAG = (
    compiled(
        r"^(?:rename|change|replace|swap)\s+(?:the\s+)?(?:tag\s+#?(?P<tag>[\w-]+)|#(?P<hash>[\w-]+)(?:\s+tag)?)"
        r"\s+(?:to|with|by|into|for|->|→)\s+(?:the\s+)?(?:tag\s+)?#?(?P<new>[\w-]+)(?:\s+(?:on|in|for|from|of)\s+(?P<target>.+))?$"
    ),
)
SET_PRIORITY = (
    compiled(
        rf"^(?:set|give|put)\s+(?:an?\s+|the\s+)?(?:prio(?:rity)?\s+(?:to\s+|=\s*)?(?P<level>{LEVEL}|p[1-4])|(?P<first>{LEVEL})[\s-]+prio(?:rity)?)\s+(?:on|to|for)\s+(?P<target>.+)$"
    ),
    compiled(
        rf"^(?:set|change)\s+(?P<target>it|that|this|them|their|its)\s+prio(?:rity)?\s+(?:to\s+)?(?P<level>{LEVEL}|p[1-4])$"
    ),
    compiled(
        rf"^(?:set|change|make|raise|lower|increase|decrease|put|bump|update)\s+(?:the\s+)?prio(?:rity)?\s+(?:of|for|on)\s+(?P<target>.+?)\s+(?:to|as|=)\s+(?P<level>{LEVEL}|p[1-4])(?:\s+priority)?$"
    ),
    compiled(
        rf"^(?:set|change|make|give|put|mark|flag|bump|update|raise|lower)\s+(?P<target>.+?)(?:['’]s)?\s+(?:as\s+|to\s+(?:be\s+)?|at\s+|a\s+|into\s+)*(?:prio(?:rity)?\s*(?:to|:|=)?\s*)?(?P<level>{LEVEL}|p[1-4]|unimportant|not\s+(?:urgent|important))(?:[\s-]+prio(?:rity)?)?$"
    ),
    compiled(
        rf"^(?P<target>.+?)\s+(?:is|are|has|should\s+be)\s+(?:now\s+|a\s+|very\s+)*(?P<level>{LEVEL}|p[1-4]|not\s+(?:urgent|important))(?:[\s-]+prio(?:rity)?)?$"
    ),
    compiled(
        r"^(?:(?P<lower>lower|reduce|decrease)|raise|increase|bump(?:\s+up)?)\s+(?:the\s+)?prio(?:rity)?\s+(?:of|for|on)\s+(?P<target>.+)$"
    ),
    compiled(r"^(?:prioriti[sz]e)\s+(?P<target>.+)$"),
)
PRIORITY_VERB = compiled(
    r"^(?:mark|make|set|change|raise|increase|decrease|reduce|lower|give|put|flag|bump)\b"
)
RENAME = (
    compiled(r"^(?:rename|retitle)\s+(?P<target>.+?)\s+(?:to|as|into|->|→)\s+(?P<title>.+)$"),
    compiled(
        r"^(?:change|set|update|edit)\s+(?:the\s+)?(?:title|name|text|wording)\s+(?:of|for)\s+(?P<target>.+?)\s+(?:to|as)\s+(?P<title>.+)$"
    ),
    compiled(r"^call\s+(?P<target>it|that|(?:the\s+)?\w+\s+one|#\d+|\ufffc+)\s+(?P<title>\S.*)$"),
)
DESCRIBE = (
    compiled(
        r"^(?:add|set|put|attach|change|update)\s+(?:a\s+|the\s+)?(?:notes?|descriptions?|details?|comment)\s+(?:to|of|for|on)\s+(?P<target>.+?)\s*(?::|\bto\b|\bsaying\b|\bthat\b|=)\s*(?P<text>.+)$"
    ),
    compiled(
        r"^(?:add|set)\s+(?:a\s+)?(?:note|description)\s+(?P<text>\ufffc+)\s+(?:to|for)\s+(?P<target>.+)$"
    ),
)
_REMIND = (
    r"(?:(?:remind|notify|alert|ping|nudge)\s+me|(?:set|add|create|put|give\s+me)\s+"
    r"(?:an?\s+|the\s+)?(?:reminder|alarm)s?)"
)
_BEFORE = r"(?:before|prior\s+to|ahead\s+of|in\s+advance\s+of)"
_BEFOREHAND = r"(?:before(?:hand)?|earlier|ahead|in\s+advance|prior)"
_SPAN = rf"(?P<lead>(?:half\s+an|the|{NUMBER})\s*(?:m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?))"
_AT = r"(?P<when>(?:at|on|in|for|tomorrow|today|tonight|next|this|mon|tue|wed|thu|fri|sat|sun|\d).*)"
SET_REMINDER = (
    compiled(
        rf"^{_REMIND}\s+{_SPAN}\s+{_BEFORE}\s+(?P<target>.+?)"
        r"(?:\s+(?P<when>(?:at\s+)?\d{1,2}(?::\d{2}|\s?[ap]m)|at\s+\d{1,2}))?$"
    ),
    compiled(rf"^{_REMIND}\s+(?:about|of|for|on|to)\s+(?P<target>.+?)\s+{_SPAN}\s+{_BEFOREHAND}$"),
    compiled(rf"^{_REMIND}\s+{_SPAN}\s+{_BEFOREHAND}$"),
    compiled(
        rf"^(?:change|set|move|update|put)\s+(?:the\s+|my\s+)?reminder\s+(?:of|for|on|from)\s+(?P<target>.+?)\s+(?:to|at|for)\s+"
        rf"(?:{_SPAN}\s+{_BEFOREHAND}|(?P<when>.+))$"
    ),
)
REMIND_AT = (
    compiled(rf"^{_REMIND}\s+(?:about|of|for|on|to)\s+(?P<target>.+?)\s+{_AT}$"),
    compiled(rf"^{_REMIND}\s+(?P<when>.+?)\s+(?:about|of|for|to)\s+(?P<target>.+)$"),
    compiled(rf"^{_REMIND}\s+{_AT}$"),
)
"""Means a new task unless there is one of this name."""
CLEAR_REMINDER = (
    compiled(
        r"^(?:remove|clear|delete|drop|unset|cancel|turn\s+off|switch\s+off|stop)\s+(?:the\s+|my\s+|all\s+)?(?:reminder|alarm)s?\s+(?:from|of|on|for)\s+(?P<target>.+)$"
    ),
    compiled(
        r"^(?:don['’]?t|do\s+not|never|stop)\s+remind(?:ing)?\s+me\s+(?:about|of|for|to)\s+(?P<target>.+?)(?:\s+any\s?more|\s+again)?$"
    ),
    compiled(r"^no\s+(?:more\s+)?reminders?\s+(?:for|of|about|on)\s+(?P<target>.+)$"),
)
DELAY = compiled(
    r"^(?P<verb>move|postpone|reschedule|push|delay|defer|shift|snooze|bring|put)(?:\s+(?:back|forward|off))?"
    r"\s+(?P<target>.+?)\s+(?:(?:back|forward|off)\s+)?(?:(?:by|for)\s+)?"
    rf"(?P<count>{NUMBER})\s+(?P<unit>minutes?|mins?|hours?|hrs?|{UNIT})(?:\s+(?P<sense>later|earlier|sooner))?$"
)
SET_DUE = (
    compiled(
        r"^(?:change|set|move|update|push|shift)\s+(?:the\s+)?(?:due\s+date|deadline|date|due|time|due\s+time)\s+(?:of|for|on)\s+(?P<target>.+?)\s+(?:to|for|until|on|as|by|at)\s+(?P<when>.+)$"
    ),
    compiled(r"^bring\s+(?P<target>.+?)\s+forward\s+(?P<when>(?:by|to|on)\s+.+)$"),
    compiled(
        r"^(?:move|postpone|reschedule|push(?:\s+back)?|delay|defer|shift|snooze|put\s+off)\s+(?P<target>(?:(?:all|every|everything|each)\b|(?:\S+\s+){0,3}?(?:tasks|taks|to-?dos|items)\b).*?)\s+(?P<when>(?:to|until|till|by)\s+.+)$"
    ),
    compiled(
        r"^(?:move|postpone|reschedule|push(?:\s+back)?|delay|defer|shift|snooze|bring\s+forward|put\s+off|schedule)\s+(?P<target>.+?)\s+(?P<when>(?:back\s+)?(?:to|until|till|for|by|on|from|at)\s+.+|(?:tomorrow|today|tonight|tmrw|next|this|in|on|by|mon|tue|tues|wed|weds|thu|thur|thurs|fri|sat|sun|\w+day)\b.*)$"
    ),
    compiled(
        r"^(?:set|make|change|update|edit)\s+(?P<target>.+?)\s+(?:to\s+be\s+|to\s+)?(?P<when>due\s+.+)$"
    ),
    compiled(
        r"^(?:make|set|have|let)\s+(?P<target>.+?)\s+(?:to\s+)?(?:repeat|recur(?:ring)?|repeating)\s+(?P<when>.+)$"
    ),
    compiled(
        r"^(?:make|set)\s+(?P<target>.+?)\s+(?P<when>(?:hourly|daily|nightly|weekly|fortnightly|monthly|quarterly|yearly|annually|every\s.+)(?:\s+(?:starting|from|at|on)\s.+)?)$"
    ),
    compiled(r"^repeat\s+(?P<target>.+?)\s+(?P<when>(?:every|each|daily|weekly|monthly|yearly|on)\b.*)$"),
    compiled(r"^make\s+(?P<target>it|that|this|them|#?\d+|the\s+\w+\s+(?:one|task))\s+(?P<when>.+)$"),
    compiled(r"^(?:update|edit|change|set)\s+(?P<target>.+?)(?:\s+to|\s*[:,])\s+(?P<when>.+)$"),
    compiled(r"^(?P<target>.+?)\s+(?:is|are|should\s+be|needs\s+to\s+be)\s+(?P<when>due\s+.+)$"),
    compiled(r"^(?P<target>.+?)\s+(?P<when>(?:at|on|to)\s+.+?)\s+instead$"),
)
