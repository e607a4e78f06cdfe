from facepay.notices.notices import Notice as Notice
from facepay.notices.notices import NoticeKind as NoticeKind
from facepay.notices.notices import notify_member as notify_member
