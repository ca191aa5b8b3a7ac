"""The phrases of each intent. `grammar` tries them in order; the first match decides."""

from app.agents.offline.details import LEVEL
from app.agents.offline.sentences import compiled

_TASK_NOUN = r"(?:task|to-?do|item|reminder|entry|note)"
ADD = (
    compiled(
        rf"^(?:add|create|make|new|insert|enter|jot\s+down|write\s+down)\s*:?\s+(?:(?:me\s+)?(?:a|an|another|the)\s+)?(?:new\s+)?"
        rf"(?P<qualifier>(?:urgent|important|high[\s-]priority|low[\s-]priority|medium[\s-]priority)\s+)?"
        rf"{_TASK_NOUN}s?(?:\s+(?:to\s+my\s+list|on\s+my\s+list))?\s*(?:to|for|called|named|titled|about|that\s+says|which\s+says|saying|:|-|,|\s)\s*(?P<body>.+)$"
    ),
    compiled(rf"^(?:new\s+)?{_TASK_NOUN}\s*[:-]\s*(?P<body>.+)$"),
    compiled(r"^(?:add|create|put|insert|schedule|jot\s+down|write\s+down)\b\s*:?\s*(?P<body>.+)$"),
    compiled(
        r"^(?:please\s+)?(?:set\s+(?:a|up\s+a)\s+reminder|remind\s+me)(?:\s+(?:to|about|that\s+i\s+(?:need|have)\s+to|of|for))?\s+(?P<body>.+)$"
    ),
    compiled(r"^remember\s+(?:to|that\s+i\s+(?:need|have)\s+to)\s+(?P<body>.+)$"),
    compiled(r"^(?:don['’]?t|do\s+not|never)\s+(?:let\s+me\s+)?forget\s+(?:to\s+|about\s+)?(?P<body>.+)$"),
    compiled(
        r"^i\s*(?:['’]ve\s+got|have\s+got|have|need|must|should|ought|gotta|want|['’]d\s+better|['’]ll\s+have)\s+(?:to\s+)?(?!to\s+(?:see|know|list)|(?:a|any|no|nothing)\b)(?P<body>.+)$"
    ),
    compiled(r"^\+\s*(?P<body>.+)$"),
)
ON_MY_LIST = compiled(
    r"\s+(?:to|on|onto|in|into)\s+(?:my|the)\s+(?:to-?do\s+|task\s+)?(?:list|tasks|to-?dos)\b"
)

LIST = (
    compiled(
        r"^(?:list|show|see|view|display|get|print|give|tell|read|find|search|look|filter|which|what|what['’]s|whats|anything|any|how\s+many|count|do\s+i\s+have|have\s+i\s+got)\b"
    ),
    compiled(
        r"^(?:all\s+|my\s+|open\s+|completed\s+|done\s+|finished\s+|overdue\s+|the\s+)*(?:tasks|to-?dos|to\s+do|list|agenda|items|overdue)(?:\s+list)?(?:\s+(?:for|due|tagged|with|this|next|by|before)\b.*)?\s*[?.!]*$"
    ),
    compiled(
        r"^(?:all|my|open|completed|done|finished|overdue|urgent|important|(?:high|medium|low)[\s-]priority)\s+(?:tasks|to-?dos|items|ones)\b"
    ),
    compiled(r"^(?:today|tomorrow|this\s+week|next\s+week|overdue|agenda)\s*\??$"),
)
LIST_NOISE = compiled(
    r"\b(?:list|show|see|view|display|get|print|give|tell|read|which|what['’]?s?|whats|anything|any|how|many|count|do|does|i|have|has|had|got|is|are|was|were|me|my|the|of|all|to|do|"
    r"tasks?|to-?dos?|todos?|items?|ones|things?|stuff|list|there|that|on|up|for|in|out|open|active|pending|current|remaining|left|still|completed?|finished|done|closed|overdue|late|"
    r"missed|every|everything|due|please|a|an|need|needs|should|must|plate|agenda|now|next|coming|upcoming|be|been|both|and|or|with|without|sorted|by|priority|tagged|tags?|it|again|go|first|today['’]s|tomorrow['’]s|"
    r"yet|so|far|left|mine|yours?|can|you|about|at|look|the|week|weekend|month|days?|today|tomorrow|within)\b"
)
SEARCH = compiled(
    r"^(?:find|search(?:\s+for)?|look\s+for|look\s+up)\s+(?:(?:all\s+)?(?:my\s+|the\s+)?(?:tasks?|to-?dos?|items?)\s+)?(?:(?:about|with|containing|for|named|called|matching|mentioning)\s+)?(?P<query>.+)$"
    r"|\b(?:about|containing|mentioning|matching|with\s+the\s+word|that\s+mention)\s+(?P<about>.+)$"
)

_DONE = r"(?:done|complete|completed|finished|closed|checked(?:\s+off)?|ticked(?:\s+off)?)"
_NOT_DONE = (
    r"(?:(?:not|un)[\s-]?(?:done|complete[d]?|finished|checked)"
    r"|open|incomplete|unfinished|to\s*do|pending|active|undone)"
)
REOPEN = (
    compiled(
        r"^(?:re-?open|un-?complete|un-?check|un-?tick|un-?finish|un-?do|restore|re-?activate|bring\s+back)\b\s*(?P<target>.*)$"
    ),
    compiled(
        rf"^(?:mark|set|make|put)\s+(?P<target>.+?)\s+(?:as\s+|to\s+|back\s+to\s+)?{_NOT_DONE}(?:\s+again)?$"
    ),
    compiled(
        r"^(?P<target>.+?)\s+(?:is|are|was|were|isn['’]?t|aren['’]?t|wasn['’]?t)\s+(?:not\s+)?(?:really\s+|actually\s+)?(?:un)?(?:done|complete[d]?|finished)(?:\s+(?:yet|after\s+all))$"
    ),
    compiled(
        r"^(?P<target>.+?)\s+(?:(?:is|are|was|were)\s+not|isn['’]?t|aren['’]?t|wasn['’]?t)\s+(?:done|complete[d]?|finished)$"
    ),
    compiled(
        r"^i\s+(?:did\s+not|didn['’]?t|have\s+not|haven['’]?t)\s+(?:finish|complete|do|done|completed|finished)\s+(?P<target>.+?)(?:\s+yet|\s+after\s+all)?$"
    ),
)
COMPLETE = (
    compiled(
        rf"^(?:mark|set|make|put|flag)\s+(?:off\s+)?(?P<target>.+?)\s+(?:as\s+|to\s+)?(?:being\s+)?{_DONE}$"
    ),
    compiled(
        r"^(?:complete|finish|check\s+off|tick\s+off|cross\s+off|tick|check|close|resolve|done\s+with|mark\s+off|mark)\b\s*:?\s*(?P<target>.*)$"
    ),
    compiled(r"^(?:cross|check|tick|mark)\s+(?P<target>.+?)\s+off(?:\s+(?:my|the)\s+list)?$"),
    compiled(
        r"^(?:i\s*(?:['’]ve|\s+have)?|i['’]m|i\s+am)\s+(?:just\s+|already\s+|now\s+)*(?:finished|completed|done|did)(?:\s+with)?\s+(?P<target>.+)$"
    ),
    compiled(r"^(?:all\s+)?done\s*[:,-]?\s+(?P<target>.+)$"),
    compiled(
        rf"^(?P<target>.+?)\s+(?:is|are|was|has\s+been|have\s+been|['’]s)\s+(?:now\s+|already\s+|all\s+)?{_DONE}(?:\s+now|\s+already)?$"
    ),
    compiled(r"^(?P<target>it|that|this|\ufffc+|the\s+\w+(?:\s+one)?|#?\d+)(?:['’]s)?\s+done$"),
)
DELETE = (
    compiled(
        r"^(?:delete|remove|erase|drop|discard|cancel|clear(?:\s+out|\s+away)?|trash|scrap|wipe(?:\s+out)?|get\s+rid\s+of|throw\s+(?:away|out)|forget(?:\s+about)?|del|rm)\b\s*:?\s*(?P<target>.*)$"
    ),
    compiled(r"^(?:take|strike)\s+(?P<target>.+?)\s+(?:off|from)\s+(?:my|the)\s+list$"),
    compiled(
        r"^i\s+(?:don['’]?t|do\s+not|no\s+longer)\s+need\s+(?:to\s+)?(?P<target>.+?)(?:\s+any\s?more|\s+any\s+longer)?$"
    ),
)
CLEAR_DUE = (
    compiled(
        r"^(?:remove|clear|delete|drop|unset)\s+(?:the\s+)?(?:due\s+date|deadline|date|due|reminder|time)\s+(?:from|of|on|for)\s+(?P<target>.+)$"
    ),
    compiled(
        r"^(?:make|set|leave)\s+(?P<target>.+?)\s+(?:with\s+no|without\s+(?:a|any)|to\s+no|have\s+no)\s+(?:due\s+)?(?:date|deadline)$"
    ),
    compiled(r"^(?P<target>.+?)\s+has\s+no\s+(?:due\s+date|deadline|date)$"),
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
)
SET_PRIORITY = (
    compiled(
        rf"^(?:set|change|make|raise|lower|increase|decrease|put|bump|update)\s+(?:the\s+)?prio(?:rity)?\s+(?:of|for|on)\s+(?P<target>.+?)\s+(?:to|as|=)\s+(?P<level>{LEVEL}|p[1-4])(?:\s+priority)?$"
    ),
    compiled(
        rf"^(?:set|change|make|put|mark|flag|bump|update)\s+(?P<target>.+?)(?:['’]s)?\s+(?:as\s+|to\s+(?:be\s+)?|at\s+|a\s+|into\s+)*(?:prio(?:rity)?\s*(?:to|:|=)?\s*)?(?P<level>{LEVEL}|p[1-4]|unimportant|not\s+(?:urgent|important))(?:[\s-]+prio(?:rity)?)?$"
    ),
    compiled(
        rf"^(?P<target>.+?)\s+(?:is|are|has|should\s+be)\s+(?:now\s+|a\s+|very\s+)*(?P<level>{LEVEL}|p[1-4]|not\s+(?:urgent|important))(?:[\s-]+prio(?:rity)?)?$"
    ),
    compiled(r"^(?:prioriti[sz]e)\s+(?P<target>.+)$"),
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
SET_DUE = (
    compiled(
        r"^(?:change|set|move|update|push|shift)\s+(?:the\s+)?(?:due\s+date|deadline|date|due|time|due\s+time)\s+(?:of|for|on)\s+(?P<target>.+?)\s+(?:to|for|until|on|as|by|at)\s+(?P<when>.+)$"
    ),
    compiled(r"^bring\s+(?P<target>.+?)\s+forward\s+(?P<when>(?:by|to|on)\s+.+)$"),
    compiled(
        r"^(?:move|postpone|reschedule|push(?:\s+back)?|delay|defer|shift|snooze|bring\s+forward|put\s+off|schedule)\s+(?P<target>.+?)\s+(?P<when>(?:back\s+)?(?:to|until|till|for|by|on|from|at)\s+.+|(?:tomorrow|today|tonight|next|this|in|on|by|mon|tue|wed|thu|fri|sat|sun)\w*\b.*)$"
    ),
    compiled(
        r"^(?:set|make|change|update|edit)\s+(?P<target>.+?)\s+(?:to\s+be\s+|to\s+)?(?P<when>due\s+.+)$"
    ),
    compiled(r"^(?:update|edit|change|set)\s+(?P<target>.+?)(?:\s+to|\s*[:,])\s+(?P<when>.+)$"),
    compiled(r"^(?P<target>.+?)\s+(?:is|are|should\s+be|needs\s+to\s+be)\s+(?P<when>due\s+.+)$"),
)
YES = compiled(
    r"^(?:yes|y|yeah|yep|yup|sure|ok|okay|do\s+it|go\s+ahead|confirm(?:ed)?|of\s+course|absolutely|definitely|certainly|please\s+do|yes\s+please|yes,?\s+(?:do\s+it|go\s+ahead|delete\s+.*|all.*|i\s+am\s+sure|i['’]m\s+sure)|i['’]m\s+sure|proceed)[\s.!]*$"
)
NO = compiled(
    r"^(?:no|n|nope|nah|cancel|stop|never\s?mind|don['’]?t|do\s+not|leave\s+(?:it|them)|no\s+thanks?(?:\s+you)?|not\s+now|forget\s+it|abort)[\s.!,]*(?:please|thanks|don['’]?t(?:\s+delete.*)?)?[\s.!]*$"
)
GREETING = compiled(
    r"^(?:hi|hey|hello|howdy|yo|good\s+(?:morning|afternoon|evening|day)|greetings|hiya)(?:\s+(?:there|you|bot|again|everyone))?[\s.!,?]*$"
)
THANKS = compiled(
    r"^(?:(?:many\s+)?thanks?(?:\s+(?:you|a\s+lot|so\s+much|very\s+much|again))*|thx|ty|cheers|great|perfect|cool|nice|awesome|good\s+(?:job|bot|work)|well\s+done|bye|goodbye|see\s+you)(?:[\s,]+(?:thanks|thank\s+you))?[\s.!]*$"
)
HELP = compiled(
    r"^(?:help|help\s+me|\?+|what\s+(?:can|do)\s+(?:you|i)\s+(?:do|say|type|ask)(?:\s+here)?|how\s+(?:does\s+(?:this|it)\s+work|do\s+(?:you|i)\s+(?:work|use\s+(?:this|you))|can\s+you\s+help(?:\s+me)?)|who\s+are\s+you|what\s+are\s+you|instructions|commands|usage)[\s.!?]*$"
)
VERB_ALONE = {
    "add": "add",
    "create": "add",
    "new": "add",
    "new task": "add",
    "add task": "add",
    "add a task": "add",
    "create a task": "add",
    "remind me": "add",
    "rename": "update",
    "update": "update",
    "change": "update",
    "edit": "update",
    "move": "update",
    "reschedule": "update",
    "postpone": "update",
    "mark": "complete",
    "complete": "complete",
    "check off": "complete",
    "delete": "delete",
    "remove": "delete",
    "clear": "delete",
}
