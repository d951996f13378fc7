;; Never ends by itself: the executor has to end it.
(module
  (memory (export "memory") 1)
  (func (export "_start") (loop $again (br $again))))
