-- Label Studio's own database, beside onetag's; run once, when PostgreSQL's volume is empty.
CREATE DATABASE label_studio OWNER onetag;
