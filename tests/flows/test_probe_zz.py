import time
from genre_runs import *
def test_p(quick, tmp_path):
    for lr, hlr, bs, ep, ml in [(2e-3,2e-2,16,5,96),(3e-3,3e-2,8,5,96),(2e-3,5e-2,8,5,160)]:
        t=time.perf_counter()
        a=run_genre(*quick,"data.min_label_count=15","strategies=[full]",f"training.epochs={ep}",f"training.learning_rate={lr}",f"training.head_learning_rate={hlr}",f"training.batch_size={bs}",f"model.max_length={ml}")
        s=Store(); sw=s.sweeps()[-1]
        print("\n@@@",lr,hlr,bs,ep,ml,time.perf_counter()-t, a.code,a.err[-200:])
        for k,r in {**s.children(sw.info.run_id),**s.children(sw.info.run_id,"baseline")}.items(): print("@@@",k, {m:round(v,3) for m,v in r.data.metrics.items() if m in("test/f1_micro_tuned","test/average_precision_micro","val/average_precision_micro")})
