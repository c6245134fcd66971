pub struct MemoryLog;
