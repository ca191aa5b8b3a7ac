"""The phrases of each intent. `grammar` tries them in order; the first match decides."""

import re
from typing import Literal

from app.language.sentences import compiled

Verb = Literal["add", "complete", "reopen", "delete", "update"]
_TASK_NOUN = r"(?:task|to-?do|item|reminder|entry|note)"
ADD = (
    compiled(
        rf"^(?:add|create|make|new|insert|enter|jot\s+down|write\s+down)\s*:?\s+(?:(?:me\s+)?(?:a|an|another|the)\s+)?(?:new\s+)?"
        rf"(?P<qualifier>(?:urgent|important|(?:top|high|low|medium)[\s-]priority)\s+)?"
        rf"{_TASK_NOUN}s?(?:\s+(?:to\s+my\s+list|on\s+my\s+list))?\s*(?:to|for|called|named|titled|about|that\s+says|which\s+says|that|saying|:|-|,|\s)\s*(?P<body>.+)$"
    ),
    compiled(rf"^(?:new\s+)?{_TASK_NOUN}\s*[:-]\s*(?P<body>.+)$"),
    compiled(rf"^new\s+{_TASK_NOUN}\s+(?P<body>.+)$"),
    compiled(r"^note\s+(?:to\s+(?:my)?self\s*[:,-]?|that)\s+(?P<body>.+)$"),
    compiled(
        r"^(?:add|create|put|insert|schedule|jot\s+down|write\s+down|note\s+down|make\s+a\s+note)\b\s*:?\s*(?:that\s+|to\s+(?=\w+\s))?(?P<body>.+)$"
    ),
    compiled(
        r"^(?:please\s+)?(?:set\s+(?:a|up\s+a)\s+reminder|remind\s+me)(?:\s+(?:to|about|that(?:\s+i\s+(?:need|have|must)\s+to)?|of|for))?\s+(?P<body>.+)$"
    ),
    compiled(r"^remember\s+(?:to|that\s+i\s+(?:need|have)\s+to)\s+(?P<body>.+)$"),
    compiled(r"^(?:don['’]?t|do\s+not|never)\s+(?:let\s+me\s+)?forget\s+(?:to\s+|about\s+)?(?P<body>.+)$"),
    compiled(
        r"^i\s*(?:['’]ve\s+got|have\s+got|have|need|must|should|ought|gotta|want|['’]d\s+better|['’]ll\s+have)\s+(?:to\s+)?(?:remember\s+to\s+)?(?!to\s+(?:see|know|list)|(?:a|any|no|nothing)\b)(?P<body>.+)$"
    ),
    compiled(r"^(?:need|have|got|gotta|must|want)\s+(?:to\s+)(?P<body>.+)$"),
    compiled(r"^\+\s*(?P<body>.+)$"),
)
ON_MY_LIST = compiled(
    r"\s+(?:to|on|onto|in|into)\s+(?:my|the|our)\s+(?:to-?\s?do\s+|task\s+|tasks\s+)?(?:list|tasks|to-?dos|calendar|agenda)\b"
)

LIST = (
    compiled(
        r"^(?:list|show|see|view|display|get|print|give|tell|read|find|search|look|filter|which|what|what['’]s|whats|anything|any|how\s+many|count|do\s+i\s+have|do\s+i\s+need|have\s+i\s+(?:got|done|finished|completed)|is\s+there|are\s+there|am\s+i\s+(?:late|behind)|did\s+i\s+(?:do|finish|complete)\s+any"
        r"|let\s+me\s+see|pull\s+up|bring\s+up|i['’]?d?\s+(?:want|like)\s+to\s+see|go\s+(?:over|through))\b"
    ),
    compiled(
        r"^(?:all\s+|my\s+|open\s+|completed\s+|done\s+|finished\s+|overdue\s+|the\s+|pending\s+|outstanding\s+|remaining\s+|incomplete\s+|unfinished\s+|undated\s+|active\s+|current\s+|upcoming\s+|today['’]?s\s+|tomorrow['’]?s\s+)*(?:tasks|to-?dos|to\s+do|list|agenda|items|overdue)(?:\s+list)?(?:\s+(?:for|due|tagged|with|without|this|next|by|before|after|about|completed|finished|done|containing|on)\b.*)?\s*[?.!]*$"
    ),
    compiled(
        r"^(?:all|my|open|completed|done|finished|overdue|urgent|important|(?:high|medium|low)[\s-]priority)\s+(?:tasks|to-?dos|items|ones)\b"
    ),
    compiled(
        r"^(?:(?:for\s+|and\s+)?(?:today|tomorrow|this\s+week|next\s+week|this\s+month|this\s+weekend)|overdue|upcoming|agenda)\s*\??$"
    ),
)
LIST_NOISE = compiled(
    r"\b(?:list|show|see|view|display|get|print|give|tell|read|which|what['’]?s?|whats|anything|any|how|many|count|do|does|i|have|has|had|got|is|are|was|were|me|my|the|of|all|to|do|"
    r"tasks?|to-?dos?|todos?|items?|ones|things?|stuff|list|there|that|on|up|for|in|out|open|active|pending|current|remaining|left|still|completed?|finished|done|closed|overdue|late|"
    r"missed|every|everything|due|please|a|an|need|needs|should|must|plate|agenda|now|next|coming|upcoming|be|been|both|and|or|with|without|sorted|by|priority|tagged|tags?|it|again|go|first|today['’]s|tomorrow['’]s|"
    r"did|incomplete|unfinished|uncompleted|unchecked|undone|not|outstanding|undated|unscheduled|behind|else|am|let|pull|bring|want|like|would|supposed|remain|accomplished|accomplish|achieved|achieve|finish|complete|"
    r"got|get|over|through|was|were|ahead|scheduled|planned|planning|checked|ticked|off|already|currently|right|new|whole|entire|full|more|first|important|urgent|date|dates|deadline|deadlines|pls|day|"
    r"yet|so|far|left|mine|yours?|can|you|about|at|look|the|week|weekend|month|days?|today|tomorrow|within)\b"
)
SEARCH = compiled(
    r"^(?:find|search(?:\s+for)?|look\s+for|look\s+up)\s+(?:(?:all\s+)?(?:my\s+|the\s+)?(?:tasks?|to-?dos?|items?)\s+)?(?:(?:about|with|containing|for|named|called|matching|mentioning)\s+)?(?P<query>.+)$"
    r"|\b(?<!me\s)(?<!tell\sme\s)(?:about|containing|mentioning|matching|with\s+the\s+word|that\s+mention|called|named)\s+(?!my\s+(?:list|tasks|day|week)|the\s+list|(?:today|tomorrow)\b)(?P<about>.+)$"
)

_DONE = r"(?:done|complete|completed|finished|closed|checked(?:\s+off)?|ticked(?:\s+off)?)"
_NOT_DONE = (
    r"(?:(?:not|un)[\s-]?(?:done|complete[d]?|finished|checked)"
    r"|open|incomplete|unfinished|to\s*do|pending|active|undone)"
)
REOPEN = (
    compiled(
        r"^(?:re-?open|un-?complete|un-?check|un-?tick|un-?mark|un-?finish|un-?do|restore|re-?activate|bring\s+back|re-?start)\b\s*(?P<target>.*)$"
    ),
    compiled(
        rf"^(?:mark|set|make|put)\s+(?P<target>.+?)\s+(?:as\s+|to\s+|back\s+to\s+)?{_NOT_DONE}(?:\s+again)?$"
    ),
    compiled(
        r"^(?P<target>.+?)(?:['’]s|\s+(?:is|are|was|were|isn['’]?t|aren['’]?t|wasn['’]?t))\s+(?:not\s+)?(?:really\s+|actually\s+)?(?:un)?(?:done|complete[d]?|finished)(?:\s+(?:yet|after\s+all))$"
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
        r"^(?:i\s*(?:['’]ve|\s+have)?|i['’]m|i\s+am)\s+(?:just\s+|already\s+|now\s+)*(?:finished|completed|done|did|ticked\s+off|checked\s+off)(?:\s+with)?\s+(?P<target>(?!(?:nothing|anything|everything\s+wrong)\b).+)$"
    ),
    compiled(r"^(?:all\s+)?(?:done|finished)\s*[:,-]?\s+(?:with\s+)?(?P<target>.+)$"),
    compiled(
        rf"^(?P<target>(?!(?:nobody|no\s+one|nothing|not|who|what|if|when|once|after|until|because|my\s+boss|he|she|they|we|i)\b).+?)(?<!\bthat)(?<!\bwhich)(?:\s+(?:is|are|was|has\s+been|have\s+been)|['’]s)\s+(?:now\s+|already\s+|all\s+)?{_DONE}(?:\s+now|\s+already)?$"
    ),
    compiled(r"^(?P<target>it|that|this|\ufffc+|the\s+\w+(?:\s+one)?|#?\d+)(?:['’]s)?\s+done$"),
)
DELETE = (
    compiled(
        r"^(?:delete|remove|erase|drop|discard|cancel|clear(?:\s+out|\s+away)?|trash|scrap|wipe(?:\s+out)?|get\s+rid\s+of|throw\s+(?:away|out)|forget(?:\s+about)?|empty(?:\s+out)?|kill|del|rm)\b\s*:?\s*(?P<target>.*)$"
    ),
    compiled(r"^(?:take|strike)\s+(?P<target>.+?)\s+(?:off|from)\s+(?:my|the)\s+list$"),
)
NO_LONGER_NEEDED = (
    compiled(
        r"^i\s+(?:don['’]?t|do\s+not|no\s+longer)\s+(?:need|have|want)\s+(?:to\s+)?(?!delete|remove)(?P<target>.+?)(?:\s+any\s?more|\s+any\s+longer)?$"
    ),
    compiled(r"^(?P<target>.+?)\s+is\s+(?:cancell?ed|off|no\s+longer\s+needed|obsolete)$"),
)
YES = compiled(
    r"^(?:yes|y|yeah|yep|yup|sure|ok|okay|do\s+it|go\s+ahead|confirm(?:ed)?|of\s+course|absolutely|definitely|certainly|please\s+do|yes\s+please|yes,?\s+(?:do\s+it|go\s+ahead|delete\s+.*|all.*|i\s+am\s+sure|i['’]m\s+sure)|i['’]m\s+sure|proceed)[\s.!]*$"
)
NO = compiled(
    r"^(?:no|n|nope|nah|cancel|stop|never\s?mind|don['’]?t|do\s+not|leave\s+(?:it|them)|no\s+thanks?(?:\s+you)?|not\s+now|forget\s+it|abort)[\s.!,]*(?:please|thanks|don['’]?t(?:\s+delete.*)?)?[\s.!]*$"
)
GREETING = compiled(
    r"^(?:hi|hey|hello|howdy|yo|what['’]?s\s+up|how\s+are\s+you|good\s+(?:morning|afternoon|evening|day)|greetings|hiya)(?:\s+(?:there|you|bot|again|everyone))?[\s.!,?]*$"
)
THANKS = compiled(
    r"^(?:(?:many\s+)?thanks?(?:\s+(?:you|a\s+lot|so\s+much|very\s+much|again))*|thx|ty|cheers|great|good|perfect|wonderful|cool|nice|awesome|good\s+(?:job|bot|work)|well\s+done|bye|goodbye|see\s+you)(?:[\s,]+(?:thanks|thank\s+you))?[\s.!]*$"
)
HELP = compiled(
    r"^(?:/?help|help\s+me|what\s+can\s+(?:this|it)\s+do|how\s+(?:do|can|to|should)\s+(?:i|you|we|one)?\s*(?:add|create|delete|remove|complete|finish|mark|undo|rename|move|change|edit|tag|reopen|list|see)\b.*|\?+|what\s+(?:can|do)\s+(?:you|i)\s+(?:do|say|type|ask)(?:\s+here)?|how\s+(?:does\s+(?:this|it)\s+work|do\s+(?:you|i)\s+(?:work|use\s+(?:this|you))|can\s+you\s+help(?:\s+me)?)|who\s+are\s+you|what\s+are\s+you|instructions|commands|usage)[\s.!?]*$"
)
VERB_ALONE: dict[str, Verb] = {
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
    "edit task": "update",
    "finish": "complete",
    "done with": "complete",
    "reopen": "reopen",
    "schedule": "add",
    "put": "add",
}
ADD_LIST = compiled(
    r"^(?:add|create|put)\s+(?:these|the\s+following|some|my|two|three|four|five|six|\d{1,2})?\s*(?:new\s+)?(?:tasks|to-?dos|items)"
    r"\s*:\s*(?P<body>.*[,;].*|.* and .*)$"
)
UNDO = compiled(
    r"^(?:undo|revert|roll\s?back|take\s+(?:that|it|this)\s+back|ctrl\s?[+-]?\s?z|go\s+back|put\s+it\s+back|(?:that|this)\s+was\s+(?:a\s+mistake|wrong|an?\s+accident))"
    r"(?:\s+(?:that|it|this|please|(?:(?:my|the|your)\s+)?(?:last|previous|latest)(?:\s+(?:one|change|changes|step|action|thing|command|edit|task|deletion|addition))?"
    r"|(?:the\s+)?(?:change|changes|deletion|addition|delete|completion|what\s+(?:you|i)\s+(?:just\s+)?did)|again|please))*$"
)
CANCEL = compiled(
    r"^(?:(?:oh|no|wait|hmm|sorry|oops)[\s,]+)*(?:cancel|scrap|discard|abort|never\s?mind|forget(?!\s+it\b))"
    r"\s+(?:that|this|it|(?:(?:that|this|the|my|your)\s+)?(?:(?:last|previous|latest)\s+)?(?:change|edit|update|action|step|addition|deletion))"
    r"(?:\s+(?:please|thanks|again))*$"
)
"""Means the change that was just made, unlike "delete it"."""
STATISTICS = compiled(
    r"^(?:(?:show|give|get|tell)\s+(?:me\s+)?)?(?:(?:a|my|the|some|quick)\s+)*(?:stats|statistics|summary|overview|progress|insights?|report\s+on\s+my\s+tasks)"
    r"(?:\s+(?:of|for|on|about)\s+.{1,40})?$"
    r"|^how\s+(?:am\s+i\s+doing|have\s+i\s+been\s+doing|productive\s+(?:was|am|have)\s+i\b.*|is\s+my\s+(?:progress|list|day|week)\b.*)$"
)
QUESTION = compiled(
    r"^(?:(?:who|what|why|when|where|how)['’]s\b|who|what|whats|why|when|where|how|which|whose|is|are|am|do|does|did|was|were|will|would|can|could|should|shall|may|have\s+i|has|had)\b(?![’'-])"
)
CONDITION = compiled(
    r"^(?:if|maybe|perhaps|when|once|unless|whenever|suppose|what\s+if|you\s+are|you['’]re|ignore|pretend)\b"
)
NOT_TO_DO = compiled(
    r"^(?:please\s+)?(?:(?:don['’]?t|do\s+not|never|no\s+need\s+to|you\s+(?:should|must)\s*(?:not|n['’]?t))\s+(?!forget|let|repeat|remind)\w+|i\s+(?:don['’]?t|do\s+not)\s+want\s+(?:you\s+)?to\s+\w+)\b.*$"
)
LOOK_AT_LIST = compiled(
    r"^(?:check|open|look\s+at|view|read|see)\s+(?:out\s+)?(?:(?:my|the|all|open|current)\s+)*(?:to-?\s?do\s+)?(?:list|tasks|to-?dos|agenda)[\s.!?]*$"
)
_WHICH = r"(?P<target>it|that|this|.+?)"
ASK = (
    compiled(
        rf"^(?:is|was|are|were)\s+(?:my\s+|the\s+)?{_WHICH}\s+(?:already\s+|still\s+|yet\s+)?(?:done|completed?|finished|open|due|overdue|\w{{2,}}ed|paid|bought|sent|made)(?:\s+(?:yet|already|today|now))?$"
    ),
    compiled(rf"^do\s+i\s+(?:still\s+)?(?:have|need)\s+to\s+(?!do\b){_WHICH}$"),
    compiled(
        rf"^(?:did\s+i|have\s+i|had\s+i)\s+(?:already\s+)?(?:done\s+|finish(?:ed)?\s+|completed?\s+)?{_WHICH}(?:\s+(?:yet|already))?$"
    ),
    compiled(
        rf"^when\s+(?:is|was|are|do\s+i\s+(?:have|need)\s+to|must\s+i|should\s+i)\s+(?:the\s+|my\s+)?{_WHICH}(?:\s+due)?$"
    ),
    compiled(
        rf"^what(?:['’]s|\s+is)\s+the\s+(?:due\s+date|deadline|date|priority|status|time|description|note)\s+(?:of|for|on)\s+{_WHICH}$"
    ),
)
EDIT = (
    compiled(r"^remind\s+me\s+before\s+(?P<target>.+)$"),
    compiled(
        r"^(?:edit|update|change|set|add)\s+(?:an?\s+|the\s+)?(?P<field>description|note|title|name|due\s+date|date|deadline|priority|tags?)\s+(?:of|for|to|on)\s+(?P<target>.+)$"
    ),
    compiled(r"^(?:edit|update|modify|change|alter)\s+(?P<target>.+)$"),
    compiled(r"^(?:reschedule|postpone|snooze|defer)\s+(?P<target>.+)$"),
    compiled(
        r"^(?:rename|retitle|prioriti[sz]e|tag)\s+(?P<target>it|that|this|#?\d+|(?:the\s+)?(?:first|second|third|last|\w+\s+one))$"
    ),
)
NO_TIME = compiled(r"^remind\s+me\s+(?P<when>(?:again\s+)?(?:later|soon|again|sometimes?|afterwards))\b")
MOVES = compiled(
    r"^(?:(?:move|postpone|reschedule|push|delay|defer|shift|snooze)\s+.+?\s+(?:back\s+)?(?:to|until|till|for|by|on)"
    r"|(?:make|set|have|let)\s+.+?\s+(?:to\s+)?(?:repeat|recur))\s+(?P<when>.+)$"
)
TITLE_OF_STATE = compiled(r"^.{1,200}\s(?:is|are|was|were)\s+(?:not\s+)?(?:done|completed?|finished)\b")
_STARTERS = (
    r"(?:delete|remove|complete|finish|mark|check\s+off|tick\s+off|re-?open|rename|move|postpone|reschedule|push|snooze|tag|untag|label"
    r"|make|set|change|replace|stop\s+reminding|undo|prioriti[sz]e|get\s+rid\s+of|cancel|update)"
)
_ADDERS = r"(?:add|remind\s+me|create\s+an?\s+(?:new\s+)?(?:task|reminder|to-?do))"
_JOIN = (
    r"(?:\s*[,;.]\s*(?:and\s+)?(?:then\s+|also\s+)*"
    r"|\s+(?:and\s+then|and\s+also|and|then|plus|also)\s+(?:then\s+|also\s+)*(?:please\s+)?)"
)
ADDS = compiled(rf"^{_ADDERS}\b")
STARTS = compiled(rf"^(?:{_STARTERS})\b")
# "Remind me 10 minutes before" and "remind me at 9" belong to the task before them.
_REMINDER = r"remind\s+me\s+(?:at|on|in|\d+|an?|half)\b(?:\s+(?!to\b|about\b|that\b)\S+){0,6}\s*$"
NEXT_ADD = compiled(rf"{_JOIN}(?={_ADDERS}\b)(?!{_REMINDER})")
NEXT_COMMAND = compiled(rf"{_JOIN}(?=(?:{_STARTERS}|{_ADDERS})\b)")
BARE_REMINDER = compiled(rf"^{_REMINDER}")
_PASTS = {
    "bought": "buy", "wrote": "write", "paid": "pay", "sent": "send", "made": "make", "took": "take",
    "got": "get", "met": "meet", "read": "read", "cut": "cut", "fed": "feed", "gave": "give", "went": "go",
    "sold": "sell", "told": "tell", "swept": "sweep", "ran": "run", "hung": "hang", "built": "build",
    "brought": "bring", "found": "find", "ate": "eat", "put": "put", "set": "set", "drove": "drive",
    "did": "do",
}  # fmt: skip
PAST = compiled(
    r"^i(?:['’]ve|\s+have)?\s+(?:just\s+|already\s+|finally\s+)*(?P<verb>"
    + "|".join(_PASTS)
    + r"|[a-z]{3,}ed)\s+(?=\w)"
)


def present_of(past: str) -> str:
    """Return the base form of a verb in the past tense: "bought" and "called" become "buy" and "call"."""
    past = past.lower()
    if past in _PASTS:
        return _PASTS[past]
    stem = past[:-2]
    if stem.endswith("i"):
        return stem[:-1] + "y"
    # "planned" and "stopped" double their consonant; "called" and "passed" do not.
    return stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "lsz" else stem


def first_match(patterns: tuple[re.Pattern[str], ...], text: str) -> re.Match[str] | None:
    """Return the match of the first pattern that matches."""
    return next((match for pattern in patterns if (match := pattern.match(text))), None)
